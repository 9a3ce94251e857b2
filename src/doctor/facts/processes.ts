/** Finds running programs that manage networks, and whether they run in this network namespace. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ManagerFacts } from '../facts.ts';

/** Names as in /proc/PID/comm, which keeps 15 bytes. */
const NAMES = new Set(['NetworkManager', 'systemd-network', 'mptcpd']);

export function findManagers(unread: string[]): ManagerFacts['processes'] {
  const own = namespaceOf('self');
  const found: { name: string; pid: number; here: boolean | null }[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const name = nameOf(entry);
    if (name === null || !NAMES.has(name)) continue;
    const namespace = namespaceOf(entry);
    found.push({ name, pid: Number(entry), here: namespace === null ? null : namespace === own });
  }
  const unknown = found.filter(({ here }) => here === null).map(({ name, pid }) => `${name} (${pid})`);
  if (unknown.length > 0)
    unread.push(
      `Only root can read the network namespace of ${unknown.join(', ')}; it is assumed to be this one.`,
    );
  return found;
}

/** null when the process has ended meanwhile. */
function nameOf(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}

function namespaceOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}

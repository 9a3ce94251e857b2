/** Kernel settings of the caller's network namespace, as sysctl(8) prints them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = '/proc/sys/net';
const CONF = ['rp_filter', 'disable_ipv6', 'accept_ra', 'forwarding', 'ignore_routes_with_linkdown'];

/**
 * Reads `net.mptcp.*`, who may send pings, and the relevant settings of each interface; `unread` gets a sentence for each unreadable one.
 */
export function readSysctls(interfaces: readonly string[], unread: string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const read = (name: string, path: string): void => {
    try {
      found.set(name, readFileSync(join(ROOT, path), 'utf8').trim());
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT') unread.push(`net.${name} could not be read (${code}).`);
    }
  };
  for (const name of list(join(ROOT, 'mptcp'))) read(`mptcp.${name}`, `mptcp/${name}`);
  read('ipv4.ping_group_range', 'ipv4/ping_group_range');
  for (const family of ['ipv4', 'ipv6'])
    for (const name of ['all', 'default', ...interfaces])
      for (const key of CONF) read(`${family}.conf.${name}.${key}`, `${family}/conf/${name}/${key}`);
  return found;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** NetworkManager.conf(5): packaged and generated drop-ins, then the file itself, then the drop-ins in /etc. */
import { existsSync } from 'node:fs';
import type { ManagerFacts, Setting } from '../facts.ts';
import { dropIns, readIni, type IniLine } from './ini.ts';

const KEY = 'connection.mptcp-flags';
const [ETC, RUN, USR] = ['/etc/NetworkManager', '/run/NetworkManager', '/usr/lib/NetworkManager'];

export function readNetworkManager(unread: string[]): ManagerFacts['networkManager'] {
  const files = dropIns(
    [ETC, RUN, USR].map((folder) => `${folder}/conf.d`),
    unread,
  );
  const late = (file: string): boolean => file.startsWith(`${ETC}/`);
  const order = [...files.filter((file) => !late(file)), `${ETC}/NetworkManager.conf`, ...files.filter(late)];
  const lines = order.flatMap((file) => readIni(file, unread));
  return { configured: lines.length > 0 || existsSync(ETC), mptcpFlags: mptcpFlags(lines) };
}

/**
 * Within a section the last line wins. Sections apply in the order in which they appear; plain [connection] is last.
 */
export function mptcpFlags(lines: readonly IniLine[]): Setting[] {
  const sections = [...new Set(lines.map(({ section }) => section))].filter((name) =>
    name.startsWith('connection'),
  );
  const ordered = [...sections.filter((name) => name !== 'connection'), 'connection'];
  return ordered.flatMap((section) => {
    const last = lines.filter((line) => line.section === section && line.key === KEY).at(-1);
    return last ? [{ section, value: last.value, file: last.file }] : [];
  });
}

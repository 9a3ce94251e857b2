/** networkd.conf(5): whether systemd-networkd removes policy rules and routes that it did not add. */
import type { ManagerFacts } from '../facts.ts';
import { dropIns, readIni, type IniLine } from './ini.ts';

const FOLDERS = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];
const NO = new Set(['no', 'false', 'off', '0', 'n', 'f']);

export function readNetworkd(unread: string[]): ManagerFacts['networkd'] {
  const main = FOLDERS.map((folder) => readIni(`${folder}/networkd.conf`, unread)).find(
    (lines) => lines.length > 0,
  );
  const more = dropIns(
    FOLDERS.map((folder) => `${folder}/networkd.conf.d`),
    unread,
  );
  return foreignManagement([...(main ?? []), ...more.flatMap((file) => readIni(file, unread))]);
}

/** The last line wins; both settings default to on. */
export function foreignManagement(lines: readonly IniLine[]): ManagerFacts['networkd'] {
  const on = (key: string): boolean => {
    const last = lines.filter((line) => line.section === 'Network' && line.key === key).at(-1);
    return !last || !NO.has(last.value.toLowerCase());
  };
  return { foreignRules: on('ManageForeignRoutingPolicyRules'), foreignRoutes: on('ManageForeignRoutes') };
}

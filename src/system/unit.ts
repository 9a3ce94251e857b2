/** How a daemon is started on this host: by systemd where our unit is, by hand elsewhere. */
import { existsSync, readlinkSync } from 'node:fs';

/** As in systemd.unit(5), without those that generators write. */
const UNIT_FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/** systemd runs (sd_booted(3)), has our unit, and manages the network namespace of this process. */
export const hasUnit = (): boolean =>
  existsSync('/run/systemd/system') &&
  UNIT_FOLDERS.some((folder) => existsSync(`${folder}/multihomed.service`)) &&
  isFirstNamespace();

/** As a command line. */
export const startCommand = (): string => (hasUnit() ? 'systemctl start multihomed' : 'multihomed run');

/** As a command line. `pid`: of a daemon that does not answer; null: not known. */
export const restartCommand = (pid: number | null): string =>
  hasUnit() ? 'systemctl restart multihomed' : `kill -KILL ${pid ?? 'PID'}; multihomed run`;

/** Whether the unit's daemon is in the namespace of the caller; true where this cannot be read (not root). */
function isFirstNamespace(): boolean {
  try {
    return readlinkSync('/proc/1/ns/net') === readlinkSync('/proc/self/ns/net');
  } catch {
    return true;
  }
}

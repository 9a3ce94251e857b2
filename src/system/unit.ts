/** How the daemon is started on this host: by systemd if the unit is installed, otherwise by hand. */
import { existsSync, readlinkSync } from 'node:fs';

/** The folders of systemd.unit(5), without those for generated units. */
const UNIT_FOLDERS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/** True when systemd runs (sd_booted(3)), has the unit, and manages the network namespace of this process. */
export const hasUnit = (): boolean =>
  existsSync('/run/systemd/system') &&
  UNIT_FOLDERS.some((folder) => existsSync(`${folder}/multihomed.service`)) &&
  isFirstNamespace();

/** Returns the command line that starts the daemon. */
export const startCommand = (): string => (hasUnit() ? 'systemctl start multihomed' : 'multihomed run');

/** Returns the command line that restarts a daemon that does not answer. `pid` is null when it is unknown. */
export const restartCommand = (pid: number | null): string =>
  hasUnit() ? 'systemctl restart multihomed' : `kill -KILL ${pid ?? 'PID'}; multihomed run`;

/** Whether the unit's daemon is in the caller's network namespace; true when this cannot be read (not root). */
function isFirstNamespace(): boolean {
  try {
    return readlinkSync('/proc/1/ns/net') === readlinkSync('/proc/self/ns/net');
  } catch {
    return true;
  }
}

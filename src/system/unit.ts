/** How the daemon is started on this host: by systemd if the unit is installed, otherwise by hand. */
import { existsSync, readlinkSync } from 'node:fs';
import type { Remedy } from './shell-quote.ts';

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

/** Whether systemd has the daemon's unit; see `hasUnit`. */
interface Manager {
  readonly systemd: boolean;
}

/** Starts the daemon. */
export const startRemedy = ({ systemd }: Manager): Remedy => [
  { argv: systemd ? ['systemctl', 'start', 'multihomed'] : ['multihomed', 'run'] },
];

/** Restarts a daemon that does not answer. @returns null: its pid must be known for it, and is not */
export function restartRemedy(pid: number | null, { systemd }: Manager): Remedy | null {
  if (systemd) return [{ argv: ['systemctl', 'restart', 'multihomed'] }];
  return pid === null ? null : [{ argv: ['kill', '-KILL', `${pid}`] }, { argv: ['multihomed', 'run'] }];
}

/** Whether the unit's daemon is in the caller's network namespace; true when this cannot be read (not root). */
function isFirstNamespace(): boolean {
  try {
    return readlinkSync('/proc/1/ns/net') === readlinkSync('/proc/self/ns/net');
  } catch {
    return true;
  }
}

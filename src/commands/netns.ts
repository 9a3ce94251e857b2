/** `--netns NAME`: runs the command in another network namespace, by its name as in ip-netns(8). */
import { statSync } from 'node:fs';
import { executeInNamespace } from '../system/addon.ts';
import { SystemError } from '../system/system-error.ts';
import { ExitError, EXIT } from './exit.ts';

/** Returns the path of the namespace's file. @throws ExitError for an invalid name */
export function namespacePath(name: string): string {
  if (name === '' || name.includes('/') || name === '.' || name === '..')
    throw new ExitError(
      EXIT.usage,
      `--netns: ${JSON.stringify(name)} is no name of a network namespace; "ip netns" lists them`,
    );
  return `/run/netns/${name}`;
}

/**
 * Starts the same command again inside the namespace, so that netlink, sockets, name look-ups, /proc/sys and
 * /proc/net are all those of the namespace. Does nothing when this process is already inside.
 * @throws ExitError no such namespace, or no CAP_SYS_ADMIN
 */
export function enterNetns(name: string): void {
  const path = namespacePath(name);
  if (isOwn(path)) return;
  try {
    executeInNamespace(path, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EPERM') throw error;
    throw new ExitError(EXIT.permission, `${path}: entering it needs root (CAP_SYS_ADMIN)`);
  }
}

function isOwn(path: string): boolean {
  const other = statSync(path, { throwIfNoEntry: false });
  if (!other) throw new ExitError(EXIT.usage, `${path}: no such network namespace; "ip netns" lists them`);
  const own = statSync('/proc/self/ns/net');
  return own.dev === other.dev && own.ino === other.ino;
}

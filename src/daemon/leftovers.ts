/** Removes runtime folders of namespaces from an earlier boot, and folders whose journal is empty. */
import { closeSync, constants, openSync, readdirSync, rmSync } from 'node:fs';
import { Journal, JOURNAL_MAX_BYTES } from '../actions/journal.ts';
import { EMPTY_HOOK_RECORD, readHookRecord } from '../hooks/record.ts';
import { flock } from '../system/addon.ts';
import type { Log } from '../system/log.ts';
import { readRegularFile } from '../system/regular-file.ts';
import { runtimeFolder } from '../system/runtime.ts';
import { asRuntimeUser, RUNTIME } from '../system/runtime-user.ts';

/**
 * A folder of this boot is removed only if its journal is empty, because its namespace may still exist: a process, a
 * mount or a descriptor anywhere may hold it. `own`: SO_NETNS_COOKIE of the daemon's namespace in decimal.
 */
export function removeLeftovers(own: string, boot: string, log: Log): void {
  asRuntimeUser(() => removeUnused(own, boot, log));
}

function removeUnused(own: string, boot: string, log: Log): void {
  for (const namespace of readdirSync(RUNTIME)) {
    if (!/^\d+$/.test(namespace) || namespace === own) continue;
    const { lock, journal } = runtimeFolder(namespace);
    let fd: number | null = null;
    try {
      fd = openSync(lock, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      // A running daemon holds this lock.
      if (!flock(fd)) continue;
      if (!isOfAnotherBoot(journal, boot) && !isEmpty(new Journal(journal, { boot, namespace }))) continue;
      rmSync(`${RUNTIME}/${namespace}`, { recursive: true });
      log.debug(`removed ${RUNTIME}/${namespace}, which is no longer used`);
    } catch {
      // The folder was removed during the check, or a daemon did not make it: leave it alone.
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }
}

function isOfAnotherBoot(journal: string, boot: string): boolean {
  const written = JSON.parse(readRegularFile(journal, JOURNAL_MAX_BYTES)) as { boot?: unknown } | null;
  return typeof written?.boot === 'string' && written.boot !== boot;
}

function isEmpty(journal: Journal): boolean {
  const { state, notified } = journal.read();
  const { owned, raised, paused } = state;
  const record = readHookRecord(notified) ?? EMPTY_HOOK_RECORD;
  const silent = Object.values(record).every((part: object) => Object.keys(part).length === 0);
  return owned.size === 0 && Object.keys(raised).length === 0 && paused === null && silent;
}

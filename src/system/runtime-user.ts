/**
 * Whose rights root uses in the runtime folder. Under systemd the folder belongs to the user `multihomed`. If root used
 * its own rights there, that user could make root write to any file, by links.
 */
import { lstatSync } from 'node:fs';
import { asFileUser } from './addon.ts';
import { serviceUser, type User } from './passwd.ts';

/** As in systemd's RuntimeDirectory=. It cannot be configured, because the owner of this folder controls the journal. */
export const RUNTIME = '/run/multihomed';

/** The user `multihomed` when it was looked up last. */
let known: User | null = null;

/** The user as whom this process uses the runtime folder; null: its own user. */
function runtimeUser(): User | null {
  if (process.geteuid?.() !== 0) return null;
  const folder = lstatSync(RUNTIME, { throwIfNoEntry: false });
  if (folder === undefined || folder.uid === 0) return null;
  if (known?.uid !== folder.uid) known = serviceUser();
  return known?.uid === folder.uid ? known : null;
}

/**
 * Calls `attempt` with the rights of the folder's owner where this process is root and the owner is the user
 * `multihomed`, otherwise with its own. It must not be asynchronous. No other owner is trusted; see runtime.ts.
 * @throws SystemError EPERM if this process may not change its user; and what `attempt` throws
 */
export function asRuntimeUser<Result>(attempt: () => Result): Result {
  const user = runtimeUser();
  return user === null ? attempt() : asFileUser(user.uid, user.gid, attempt);
}

/** The uid to which files of the runtime folder belong if this process makes them. */
export function runtimeUid(): number | undefined {
  return runtimeUser()?.uid ?? process.geteuid?.();
}

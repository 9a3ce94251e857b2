/** Resolves `hooks.user` to the user and group that hooks run as. */
import { findUser, PasswdError, readUsers, type User } from '../system/passwd.ts';

/** The user and group that a hook runs as. It gets no supplementary groups, unless the kernel forbids dropping them. */
export interface HookIdentity {
  readonly uid: number;
  readonly gid: number;
}

/** @returns the identity for `hooks.user`, or a sentence that says why this process cannot take it */
export function resolveIdentity(user: string): HookIdentity | string {
  const identity = user === 'root' || user === '0' ? { uid: 0, gid: 0 } : lookUp(user);
  if (typeof identity === 'string') return identity;
  const own = process.geteuid?.() ?? 0;
  if (own !== 0 && identity.uid !== own) {
    return `hooks.user is ${user}, but this process is user ${own}, and only root can change its user`;
  }
  return { uid: identity.uid, gid: identity.gid };
}

function lookUp(user: string): User | string {
  try {
    return findUser(user, readUsers()) ?? `hooks.user is ${user}, and /etc/passwd has no such user`;
  } catch (error) {
    if (!(error instanceof PasswdError)) throw error;
    return `hooks.user is ${user}, and ${error.message}`;
  }
}

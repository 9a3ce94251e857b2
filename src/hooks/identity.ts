import { readFile } from 'node:fs/promises';

/** Who a hook runs as; without supplementary groups. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Looks a user up in /etc/passwd, by name or number (passwd(5)). Null: there is none. Other sources of users
 * are left out on purpose: at boot, and when the network is what is broken, they do not answer.
 */
export function findUser(user: string, passwd: string): Identity | null {
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue;
    if (name === user || uid === user) return { uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/** The identity for `hooks.user`, or a sentence that says why this process cannot give it. */
export async function resolveIdentity(user: string): Promise<Identity | string> {
  const identity = user === 'root' || user === '0' ? { uid: 0, gid: 0 } : await readUser(user);
  if (typeof identity === 'string') return identity;
  const own = process.geteuid?.() ?? 0;
  if (own !== 0 && identity.uid !== own) {
    return `hooks.user is ${user}, and only root can become another user; this process is user ${own}.`;
  }
  return identity;
}

async function readUser(user: string): Promise<Identity | string> {
  try {
    const found = findUser(user, await readFile('/etc/passwd', 'utf8'));
    return found ?? `hooks.user is ${user}, and /etc/passwd has no such user.`;
  } catch (error) {
    return `hooks.user is ${user}, and /etc/passwd cannot be read: ${String(error)}.`;
  }
}

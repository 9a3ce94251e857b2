/** The user as whom hooks run. */
import { readFileSync } from 'node:fs';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Every user of /etc/passwd (passwd(5)), which is where the users of services are; those of LDAP and the like are not
 * there, and looking them up could need the very network that is being set up. A file that cannot be read has none.
 */
export function users(passwd = '/etc/passwd'): User[] {
  let text: string;
  try {
    text = readFileSync(passwd, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(uid) && /^\d+$/.test(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : [];
  });
}

/** By name or, where no user has that name, by number; null: there is none. */
export function findUser(user: string, all = users()): User | null {
  const named = all.find(({ name }) => name === user);
  if (named !== undefined || !/^\d+$/.test(user)) return named ?? null;
  return all.find(({ uid }) => uid === Number(user)) ?? null;
}

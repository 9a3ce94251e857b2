/** Looks up users in /etc/passwd, passwd(5): the only reader of that file. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user as whom systemd starts the daemon: User= of its unit. */
export const SERVICE_USER = 'multihomed';

/** /etc/passwd cannot be read, or is too large to be a user database. */
export class PasswdError extends Error {
  override readonly name = 'PasswdError';
}

/** A user database with 50,000 users has about 4 MiB. */
const PASSWD_MAX_BYTES = 8 * 1024 * 1024;

/** (uid_t)-1 means "no change" to setresuid(2), and is never a user. */
const NO_ID = 0xffff_ffff;

/**
 * Reads every user of a file in the format of passwd(5). Users of LDAP and the like are left out on purpose: at boot,
 * and when the network has failed, they cannot be looked up.
 * @throws PasswdError
 */
export function readUsers(passwd = '/etc/passwd'): User[] {
  return parseUsers(readBounded(passwd));
}

/** Skips lines that describe no user: comments, NIS entries ("+name") and lines with invalid numbers. */
export function parseUsers(text: string): User[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    const user = { name, uid: idOf(uid), gid: idOf(gid) };
    const isUser = /^[^#+\-\s][^\s]*$/.test(name) && user.uid !== NO_ID && user.gid !== NO_ID;
    return isUser ? [user] : [];
  });
}

/** Finds a user by name or, if no user has that name, by number. Returns the first match, or null. */
export function findUser(user: string, all: readonly User[]): User | null {
  const named = all.find(({ name }) => name === user);
  if (named !== undefined || !/^\d+$/.test(user)) return named ?? null;
  return all.find(({ uid }) => uid === Number(user)) ?? null;
}

/** The daemon's user; null: there is none, or /etc/passwd cannot be read. */
export function serviceUser(): User | null {
  try {
    return readUsers().find(({ name }) => name === SERVICE_USER) ?? null;
  } catch {
    return null;
  }
}

/** Returns NO_ID for a text that is not the number of a user or group. */
function idOf(text: string): number {
  return /^\d{1,10}$/.test(text) ? Math.min(Number(text), NO_ID) : NO_ID;
}

function readBounded(path: string): string {
  let fd: number | null = null;
  try {
    fd = openSync(path, 'r');
    const bytes = Buffer.alloc(PASSWD_MAX_BYTES + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(fd, bytes, length, bytes.length - length, null);
    if (length > PASSWD_MAX_BYTES)
      throw new PasswdError(`${path}: larger than ${PASSWD_MAX_BYTES / 1024 / 1024} MiB`);
    return bytes.toString('utf8', 0, length);
  } catch (error) {
    if (error instanceof PasswdError) throw error;
    throw new PasswdError(`${path} cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Whose a connection is: a user has thousands of uids where /etc/subuid gives them a range, and counts as one owner. */
import { closeSync, readFileSync, statSync } from 'node:fs';
import { readUsers } from '../rules/user.ts';
import { isRefusal, openTrusted } from '../system/trust.ts';

/** A range of subordinate uids, subuid(5). */
export interface SubordinateRange {
  /** Name or uid of the user, as written. */
  readonly user: string;
  readonly first: number;
  readonly count: number;
}

/** Bytes; a file with 50,000 ranges has about 1.5 MiB. */
const MOST_BYTES = 8 << 20;
/** Answers that are kept. */
const MOST_KNOWN = 4096;

/** Lines that are no range are skipped. */
export function parseSubordinateUids(text: string): SubordinateRange[] {
  return text.split('\n').flatMap((line) => {
    const [, user, first, count] = /^([^:#\s][^:]*):(\d{1,10}):(\d{1,10})\s*$/.exec(line) ?? [];
    return user === undefined ? [] : [{ user, first: Number(first), count: Number(count) }];
  });
}

/**
 * A text that is the same for all uids of one user: the uid itself, or the user's in whose range it is. The ranges of
 * root (containers) are an owner of their own: a process in them has none of root's rights.
 */
export function ownerOf(
  uid: number,
  ranges: readonly SubordinateRange[],
  uidOf: (user: string) => number | null,
): string {
  const range = ranges.find(({ first, count }) => uid >= first && uid < first + count);
  if (!range) return String(uid);
  const user = uidOf(range.user);
  return user === null || user === 0 ? `range of ${range.user}` : String(user);
}

/** Reads subuid(5) again when it changes. It counts only as root's file: another one's could name a victim. */
export class Owners {
  readonly #subuid: string;
  readonly #passwd: string;
  #version = '';
  #ranges: readonly SubordinateRange[] = [];
  #uids: ReadonlyMap<string, number> = new Map();
  readonly #known = new Map<number, string>();

  constructor(subuid = '/etc/subuid', passwd = '/etc/passwd') {
    this.#subuid = subuid;
    this.#passwd = passwd;
  }

  of(uid: number): string {
    this.#refresh();
    const known = this.#known.get(uid);
    if (known !== undefined) return known;
    const owner = ownerOf(uid, this.#ranges, (user) =>
      /^\d+$/.test(user) ? Number(user) : (this.#uids.get(user) ?? null),
    );
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(uid, owner);
    return owner;
  }

  #refresh(): void {
    const version = `${versionOf(this.#subuid)} ${versionOf(this.#passwd)}`;
    if (version === this.#version) return;
    this.#version = version;
    this.#known.clear();
    this.#ranges = readRanges(this.#subuid);
    this.#uids = this.#ranges.length === 0 ? new Map() : uidsByName(this.#passwd);
  }
}

/** Changes with the file; never throws, as a connection is decided on whatever has become of /etc. */
function versionOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return 'none';
  }
}

/** None where root's file cannot be read: each uid is then its own owner. */
function readRanges(path: string): SubordinateRange[] {
  const file = openTrusted(path, { owner: 'root', maxBytes: MOST_BYTES });
  if (isRefusal(file)) return [];
  try {
    return parseSubordinateUids(readFileSync(file.fd, 'utf8'));
  } catch {
    return [];
  } finally {
    closeSync(file.fd);
  }
}

/** Empty where passwd(5) cannot be read: the ranges are then owners by their users' names. */
function uidsByName(passwd: string): ReadonlyMap<string, number> {
  try {
    return new Map(readUsers(passwd).map(({ name, uid }) => [name, uid]));
  } catch {
    return new Map();
  }
}

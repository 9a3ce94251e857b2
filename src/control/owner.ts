/** The owner of a connection: a user to whom /etc/subuid gives thousands of uids counts as one owner. */
import { closeSync, readFileSync, statSync } from 'node:fs';
import { readUsers } from '../system/passwd.ts';
import { isRefusal, openTrusted } from '../system/trust.ts';

/** A range of subordinate uids, as in subuid(5). */
export interface SubordinateRange {
  /** Name or uid of the user, as written in the file. */
  readonly user: string;
  readonly first: number;
  readonly count: number;
}

/** Size limit of the file in bytes; 50,000 ranges take about 1.5 MiB. */
const MAX_BYTES = 8 << 20;
/** Size limit of the cache. */
const MAX_KNOWN = 4096;

/** Parses subuid(5); lines that are no range are skipped. */
export function parseSubordinateUids(text: string): SubordinateRange[] {
  return text.split('\n').flatMap((line) => {
    const [, user, first, count] = /^([^:#\s][^:]*):(\d{1,10}):(\d{1,10})\s*$/.exec(line) ?? [];
    return user === undefined ? [] : [{ user, first: Number(first), count: Number(count) }];
  });
}

/**
 * The owner of a uid, as text: the uid itself, or that of the user to whom its range belongs. The ranges of root (for
 * containers) are an owner of their own, because a process in them has none of root's rights.
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

/**
 * Finds owners, and reads subuid(5) again when it changes. The file must belong to root: with any other file its
 * author could count connections against another user.
 */
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
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
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

/** A text that changes with the file. Never throws, because a connection needs a decision even if /etc is broken. */
function versionOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  } catch {
    return 'none';
  }
}

/** Empty if root's file cannot be read: then each uid is an owner of its own. */
function readRanges(path: string): SubordinateRange[] {
  const file = openTrusted(path, { owner: 'root', maxBytes: MAX_BYTES });
  if (isRefusal(file)) return [];
  try {
    return parseSubordinateUids(readFileSync(file.fd, 'utf8'));
  } catch {
    return [];
  } finally {
    closeSync(file.fd);
  }
}

/** Empty if passwd(5) cannot be read: then the names of the users are the owners of their ranges. */
function uidsByName(passwd: string): ReadonlyMap<string, number> {
  try {
    return new Map(readUsers(passwd).map(({ name, uid }) => [name, uid]));
  } catch {
    return new Map();
  }
}

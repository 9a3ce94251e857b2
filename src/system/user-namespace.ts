/** Which uids identify a user: user_namespaces(7) shows every owner that it does not map as the same number. */
import { readFileSync } from 'node:fs';

/** How a user namespace maps uids. */
export interface UidMapping {
  /** The uid that is shown for all unmapped users: /proc/sys/kernel/overflowuid. */
  readonly overflow: number;
  /** Whether the mapping contains this number, so that a user may really have it. */
  readonly overflowIsMapped: boolean;
}

/**
 * Parses a mapping. Where a file cannot be read, the kernel's defaults apply: 65534, and every user mapped to itself.
 * @param map text of /proc/PID/uid_map: lines of "first inside, first outside, count"
 */
export function parseUidMapping(overflowUid: string, map: string): UidMapping {
  const overflow = /^\d+\s*$/.test(overflowUid) ? Number(overflowUid) : 65534;
  const overflowIsMapped = map
    .trim()
    .split('\n')
    .some((line) => {
      const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return overflow >= inside && overflow < inside + count;
    });
  return { overflow, overflowIsMapped };
}

let mapping: UidMapping | null = null;

/**
 * Whether `uid` may be any user outside of this user namespace: root of the host, another user, or this process
 * itself before it is mapped. Such a number proves nothing.
 */
export function isUnmapped(uid: number): boolean {
  mapping ??= parseUidMapping(
    readOr('/proc/sys/kernel/overflowuid', '65534'),
    readOr('/proc/self/uid_map', '0 0 4294967295'),
  );
  return uid === mapping.overflow && !mapping.overflowIsMapped;
}

/** The end of a sentence about a file of such a user: "FILE belongs to …". */
export const unmappedUser = (uid: number): string =>
  `a user whom this user namespace does not map (shown as uid ${uid}), who may be anyone`;

/** Whether `uid` is root of this user namespace, and not a user that only appears as root (kernel.overflowuid=0). */
export function isRootUser(uid: number): boolean {
  return uid === 0 && !isUnmapped(uid);
}

/** Whether `uid` is the user who runs this program. */
export function isOwnUser(uid: number): boolean {
  return uid === process.geteuid?.() && !isUnmapped(uid);
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return otherwise;
  }
}

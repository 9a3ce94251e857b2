/** The owner of a uid by /etc/subuid. */
import { chmodSync, chownSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownerOf, Owners, parseSubordinateUids } from '../../src/control/owner.ts';

const RANGES = parseSubordinateUids(
  'user1:100000:65536\n1001:165536:65536\nroot:300000:1000\nldap:400000:10\n',
);
const uidOf = (user: string): number | null => ({ user1: 1000, 1001: 1001, root: 0 })[user] ?? null;

test.for([
  ['a uid in a range is its user', 100_000, '1000'],
  ['the last uid of a range is its user too', 165_535, '1000'],
  ['a range may name its user by number', 165_536, '1001'],
  ['a uid outside of all ranges is its own owner', 99_999, '99999'],
  ['the user of a range is the same owner as the range', 1000, '1000'],
  ['a range of root is an owner of its own, without root’s rights', 300_999, 'range of root'],
  ['a range of a user without a uid here is an owner by name', 400_000, 'range of ldap'],
] as const)('%s', ([, uid, owner]) => {
  expect(ownerOf(uid, RANGES, uidOf)).toBe(owner);
});

test('invalid lines of subuid are skipped', () => {
  const text =
    '# a comment\n\nuser1:1\nuser1:x:1\n:1:1\nuser1:1:2:3\nuser1:-1:5\nuser1:99999999999:1\nuser2:5:1 \n';
  expect(parseSubordinateUids(text)).toEqual([{ user: 'user2', first: 5, count: 1 }]);
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'multihomed-owner-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file of root, as in /etc. */
function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o644 });
  return path;
}

test('subuid is read again when it or passwd changes', () => {
  const passwd = write('passwd', 'root:x:0:0::/:/bin/sh\n');
  const subuid = join(folder, 'subuid');
  const owners = new Owners(subuid, passwd);
  expect(owners.of(100_001)).toBe('100001');
  write('subuid', 'user1:100000:65536\n');
  expect(owners.of(100_001)).toBe('range of user1');
  write('passwd', 'root:x:0:0::/:/bin/sh\nuser1:x:1000:1000::/:/bin/sh\n');
  expect(owners.of(100_001)).toBe('1000');
  rmSync(subuid);
  expect(owners.of(100_001)).toBe('100001');
});

test('cached owners are the same, also beyond the size of the cache', () => {
  const subuid = write('subuid', '7:100000:65536\n');
  utimesSync(subuid, 1, 1);
  const owners = new Owners(subuid, '/nonexistent');
  for (let uid = 100_000; uid < 105_000; uid++) expect(owners.of(uid)).toBe('7');
  expect(owners.of(100_000)).toBe('7');
});

test('subuid is only used if root owns it and no other user can write it', () => {
  const subuid = write('subuid', '7:100000:65536\n');
  chmodSync(subuid, 0o666);
  expect(new Owners(subuid).of(100_000)).toBe('100000');
  chmodSync(subuid, 0o644);
  expect(new Owners(subuid).of(100_000)).toBe('7');
  try {
    chownSync(subuid, 1, 1);
  } catch {
    return console.log('not tried with a file of another user: root must be able to become other users');
  }
  expect(new Owners(subuid).of(100_000)).toBe('100000');
});

test('a missing subuid file gives no range and does not throw', () => {
  const file = write('file', '');
  expect(new Owners(`${file}/subuid`, `${file}/passwd`).of(100_000)).toBe('100000');
  expect(new Owners(folder, folder).of(100_000)).toBe('100000');
});

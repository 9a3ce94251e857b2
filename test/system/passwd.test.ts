/** Reading of passwd(5): values, and real files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { findUser, parseUsers, PasswdError, readUsers } from '../../src/system/passwd.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a remark',
  'bad:x:one:1::/:',
  'short:x:7',
  'net:x:120:130::/:/bin/false',
  '120:x:5:6::/:',
  '+nis:x:8:8::/:',
  '-nis:x:8:8::/:',
  ':x:9:9::/:',
  'a b:x:10:10::/:',
  'huge:x:4294967295:1::/:',
  'larger:x:99999999999:1::/:',
  'nogroup:x:11:4294967295::/:',
  'largest:x:4294967294:4294967294::/:',
  'net:x:121:131::/:',
  'negative:x:-1:-1::/:',
  'last:x:12:13',
].join('\n');

test.each([
  ['net', { name: 'net', uid: 120, gid: 130 }],
  // A name that looks like a number is looked up as a name first.
  ['120', { name: '120', uid: 5, gid: 6 }],
  ['121', { name: 'net', uid: 121, gid: 131 }],
  ['12', { name: 'last', uid: 12, gid: 13 }],
  ['largest', { name: 'largest', uid: 4294967294, gid: 4294967294 }],
  ...['bad', 'short', '130', '', '8', '+nis', '-nis', '9', 'a b', 'huge', 'larger', 'nogroup'].map(
    (user): [string, null] => [user, null],
  ),
  ['4294967295', null],
  ['negative', null],
])('user %j: %j', (user, found) => {
  expect(findUser(user, parseUsers(PASSWD))).toEqual(found);
});

test('passwd is read completely, up to 8 MiB', () => {
  const folder = mkdtempSync('/tmp/multihomed-passwd-');
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = `${folder}/passwd`;
  writeFileSync(path, `${PASSWD}\n${'#'.repeat(7 * 2 ** 20)}\nafter:x:1:1::/:`);
  expect(findUser('after', readUsers(path))?.uid).toBe(1);
  writeFileSync(path, `${PASSWD}\n${'#'.repeat(8 * 2 ** 20)}\n`);
  expect(() => readUsers(path)).toThrow(new PasswdError(`${path}: larger than 8 MiB`));
  expect(() => readUsers('/dev/zero')).toThrow(PasswdError);
  expect(() => readUsers(`${folder}/none`)).toThrow(/cannot be read: ENOENT/);
});

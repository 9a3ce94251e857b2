/** Which files are trusted by their owner, in a user namespace too. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TrustOptions } from '../../src/system/trust.ts';
import { parseUidMapping } from '../../src/system/user-namespace.ts';
import { asRoot, folder, home, makeHomes, open, put } from './trust-files.ts';

makeHomes();

describe('owner', () => {
  asRoot('a file, a folder above or a sticky folder of another user is refused', () => {
    const path = put('a');
    chownSync(path, 1, 0);
    expect(open(path)).toBe(`refused: ${path} belongs to uid 1, not to root: chown root ${path}`);
    chownSync(path, 0, 1);
    expect(open(path)).toBe('text');
    const sticky = folder('theirs', 0o1777);
    put('theirs/a');
    chownSync(sticky, 1, 0);
    expect(open(`${sticky}/a`)).toContain(`${sticky} belongs to uid 1`);
  });

  asRoot('the overflow uid is a stranger outside of user namespaces', () => {
    const path = put('a');
    chownSync(path, 65534, 65534);
    expect(open(path)).toContain('belongs to uid 65534');
  });

  asRoot('a user who is not root may use what is their own or root’s, unless root is asked for', () => {
    const path = put('a');
    chmodSync(home, 0o755);
    expect(as(1, path, {})).toBe('opened');
    chownSync(path, 1, 1);
    expect(as(1, path, {})).toBe('opened');
    expect(as(1, path, { owner: 'root' })).toContain('belongs to uid 1, not to root');
    expect(as(2, path, {})).toContain('not to root or to uid 2');
  });

  asRoot('inside a user namespace a file passes only if its owner is mapped', () => {
    if (!hasUserNamespaces()) return console.log('skipped: this kernel gives no user namespaces');
    const path = put('a');
    chownSync(home, 1, 1);
    chmodSync(home, 0o755);
    // An unmapped user and the host's root look the same there.
    for (const owner of [0, 2]) {
      chownSync(path, owner, owner);
      for (const wrap of [
        ['unshare', '-Urn'],
        ['unshare', '-Un'],
      ])
        expect(as(1, path, {}, wrap)).toContain('belongs to a user whom this user namespace does not map');
    }
    chownSync(path, 1, 1);
    expect(as(1, path, { owner: 'root' }, ['unshare', '-Urn'])).toBe('opened');
    // Without any mapping, this process is as unknown as every other user.
    expect(as(1, path, {}, ['unshare', '-Un'])).toContain('does not map');
  });

  asRoot(
    'inside a user namespace a folder of a stranger on the way is refused, and one of the system passes',
    () => {
      if (!hasUserNamespaces()) return console.log('skipped: this kernel gives no user namespaces');
      const path = put('a');
      chownSync(path, 1, 1);
      for (const mode of [0o755, 0o1777]) {
        chmodSync(home, mode);
        expect(as(1, path, {}, ['unshare', '-Urn'])).toContain(`${home} belongs to a user whom`);
      }
      expect(as(1, '/etc', { kind: 'folder' }, ['unshare', '-Urn'])).toBe('opened');
      expect(as(1, '/etc/passwd', {}, ['unshare', '-Urn'])).toContain('/etc/passwd belongs to a user whom');
    },
  );

  test.each([
    [
      'the whole host',
      '65534\n',
      '         0          0 4294967295\n',
      { overflow: 65534, overflowIsMapped: true },
    ],
    ['one user', '65534\n', '0 1000 1\n', { overflow: 65534, overflowIsMapped: false }],
    ['a container', '65534\n', '0 100000 65536\n', { overflow: 65534, overflowIsMapped: true }],
    ['two ranges', '65534\n', '0 1000 1\n65534 100000 1\n', { overflow: 65534, overflowIsMapped: true }],
    ['no user yet', '65534\n', '', { overflow: 65534, overflowIsMapped: false }],
    ['another overflow uid', '1000\n', '0 1000 1\n', { overflow: 1000, overflowIsMapped: false }],
  ])('a user namespace that maps %s', (_, overflow, map, expected) => {
    expect(parseUidMapping(overflow, map)).toEqual(expected);
  });
});

/**
 * Opens the file in a process of another user.
 * @returns the reason, or `opened`
 */
function as(uid: number, path: string, options: TrustOptions, wrap: string[] = []): string {
  const source = new URL('../../src/system/trust.ts', import.meta.url).pathname;
  const script = `${home}/ask.mjs`;
  const esbuild = new URL('../../node_modules/.bin/esbuild', import.meta.url).pathname;
  execFileSync(esbuild, [source, '--bundle', '--platform=node', '--format=esm', `--outfile=${script}`], {
    stdio: 'ignore',
  });
  const ask = `import(${JSON.stringify(script)}).then((m) => { const a = m.openTrusted(${JSON.stringify(path)}, ${JSON.stringify(options)}); console.log(m.isRefusal(a) ? a.reason : 'opened'); })`;
  const command = [
    '--reuid',
    String(uid),
    '--regid',
    String(uid),
    '--clear-groups',
    ...wrap,
    process.execPath,
    '-e',
    ask,
  ];
  return execFileSync('setpriv', command, { encoding: 'utf8', cwd: '/' }).trim();
}

function hasUserNamespaces(): boolean {
  try {
    execFileSync('setpriv', ['--reuid', '1', '--regid', '1', '--clear-groups', 'unshare', '-Urn', 'true'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

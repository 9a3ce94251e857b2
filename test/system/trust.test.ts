import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
} from 'node:fs';
import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal, openTrusted } from '../../src/system/trust.ts';
import type { TrustOptions } from '../../src/system/trust.ts';
import { parseUidMapping } from '../../src/system/user-namespace.ts';

const root = process.geteuid?.() === 0;
const changesOwners = root && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
if (!changesOwners) console.log('skipped: giving files to other users needs root outside of user namespaces');
const asRoot = test.skipIf(!changesOwners);

let home: string;
beforeEach(() => {
  process.umask(0o022);
  home = mkdtempSync('/tmp/multihomed-trust-');
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function put(name: string, mode = 0o644): string {
  const path = `${home}/${name}`;
  writeFileSync(path, 'text');
  chmodSync(path, mode);
  return path;
}

function folder(name: string, mode = 0o755): string {
  const path = `${home}/${name}`;
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

/** Returns the text of the opened file, or the reason why not. */
function open(path: string, options?: TrustOptions): string {
  const answer = openTrusted(path, options);
  if (isRefusal(answer)) return `${answer.code}: ${answer.reason}`;
  try {
    return answer.stats.isFile() ? readFileSync(answer.fd, 'utf8') : 'a folder';
  } finally {
    closeSync(answer.fd);
  }
}

describe('writable by others', () => {
  test('an own file in a sticky folder is read', () => {
    expect(open(put('a'))).toBe('text');
  });

  test.each([
    [0o664, 'g-w'],
    [0o646, 'o-w'],
    [0o666, 'go-w'],
  ])('a file that others can write is refused (%#)', (mode, remedy) => {
    const path = put('a', mode);
    expect(open(path)).toMatch(/^refused: .* is writable by /);
    expect(open(path)).toContain(`chmod ${remedy} ${path}`);
  });

  test.each([0o775, 0o757])('a parent folder that others can write is refused and named (%#)', (mode) => {
    const above = folder('open', mode);
    folder('open/shut');
    const path = put('open/shut/a');
    expect(open(path)).toContain(`${above} is writable by`);
  });

  test('a sticky parent folder is accepted, but not as a trusted folder itself', () => {
    folder('sticky', 0o1777);
    const path = put('sticky/a');
    expect(open(path)).toBe('text');
    expect(open(`${home}/sticky`, { kind: 'folder' })).toMatch(/^refused: .* is writable by .*everyone/);
  });

  test('the remedy is quoted for the shell', () => {
    expect(open(put("it's here", 0o666))).toContain(`chmod go-w '${home}/it'\\''s here'`);
  });
});

describe('owner', () => {
  asRoot('a file, a folder above or a sticky folder of somebody else is refused', () => {
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

describe('links', () => {
  test('are followed for configuration and refused for hooks', () => {
    const path = put('a');
    symlinkSync(path, `${home}/absolute`);
    symlinkSync('a', `${home}/relative`);
    for (const link of [`${home}/absolute`, `${home}/relative`]) {
      expect(open(link)).toBe('text');
      expect(open(link, { links: 'refuse' })).toMatch(/^refused: .* is a link to/);
    }
  });

  test('to the folders of a hook are refused', () => {
    folder('real');
    put('real/a');
    symlinkSync('real', `${home}/link`);
    expect(open(`${home}/link/a`)).toBe('text');
    expect(open(`${home}/link/../real/a`)).toBe('text');
    expect(open(`${home}/link/a`, { links: 'refuse' })).toContain(`${home}/link is a link to real`);
  });

  test('into a folder that others can write are refused', () => {
    const loose = folder('loose', 0o777);
    put('loose/a');
    symlinkSync(`${loose}/a`, `${home}/link`);
    expect(open(`${home}/link`)).toContain(`${loose} is writable by`);
  });

  test('from a folder that others can write are refused, even to a trusted file', () => {
    const path = put('a');
    const loose = folder('loose', 0o777);
    symlinkSync(path, `${loose}/link`);
    expect(open(`${loose}/link`)).toContain(`${loose} is writable by`);
  });

  asRoot('of somebody else in a sticky folder are refused', () => {
    const path = put('a');
    folder('sticky', 0o1777);
    const link = `${home}/sticky/link`;
    symlinkSync(path, link);
    expect(open(link)).toBe('text');
    lchownSync(link, 1, 1);
    expect(open(link)).toContain(`${link} belongs to uid 1, not to root: chown -h root ${link}`);
  });

  test('to /dev/null mask, for configuration and for hooks', () => {
    symlinkSync('/dev/null', `${home}/mask`);
    symlinkSync('mask', `${home}/second`);
    expect(open(`${home}/mask`)).toMatch(/^masked: /);
    expect(open(`${home}/mask`, { links: 'refuse' })).toMatch(/^masked: /);
    expect(open(`${home}/second`)).toMatch(/^masked: /);
  });

  test('that are circular are an error', () => {
    symlinkSync('two', `${home}/one`);
    symlinkSync('one', `${home}/two`);
    expect(open(`${home}/one`)).toMatch(/^refused: .*more than 40 links/);
  });

  test('to nothing count as missing, and the error names the target', () => {
    symlinkSync('nothing', `${home}/link`);
    expect(open(`${home}/link`)).toBe(`missing: ${home}/link: no such file (there is no ${home}/nothing)`);
  });
});

describe('file type', () => {
  test('a pipe is refused at once', () => {
    execFileSync('mkfifo', [`${home}/pipe`]);
    expect(open(`${home}/pipe`)).toBe(`refused: ${home}/pipe is a pipe, not a regular file`);
  });

  test('devices, folders and files are distinguished', () => {
    expect(open('/dev/zero')).toContain('is a device, not a regular file');
    expect(open(home)).toContain('is a folder, not a regular file');
    expect(open(put('a'), { kind: 'folder' })).toContain('is a file, not a folder');
    expect(open(`${home}/a/b`)).toContain(`${home}/a is a file, not a folder`);
    expect(open(home, { kind: 'folder' })).toBe('a folder');
  });

  test('a file that is too large is refused', () => {
    expect(open(put('a'), { maxBytes: 4 })).toBe('text');
    expect(open(put('a'), { maxBytes: 3 })).toContain('has 4 bytes, and 3 are the most');
  });

  test('a file that does not exist is reported as missing', () => {
    expect(open(`${home}/none`)).toBe(`missing: ${home}/none: no such file`);
    expect(open(`${home}/none/below`)).toMatch(/^missing: /);
  });

  test.each(['', 'a\0b', '/'.repeat(5000), `/tmp/${'x'.repeat(300)}`, '.'])(
    'a strange path (%j) never throws',
    (path) => expect(open(path)).toMatch(/^(refused|missing): /),
  );

  test('the opened file stays the same after its name leads elsewhere', () => {
    const path = put('a');
    const answer = openTrusted(path);
    if (isRefusal(answer)) throw new Error(answer.reason);
    writeFileSync(`${home}/b`, 'swapped');
    renameSync(`${home}/b`, path);
    expect(readFileSync(`/proc/self/fd/${answer.fd}`, 'utf8')).toBe('text');
    closeSync(answer.fd);
  });

  test('a hard link is accepted', () => {
    linkSync(put('a'), `${home}/b`);
    expect(open(`${home}/b`, { links: 'refuse' })).toBe('text');
  });

  test('no descriptor is left open', () => {
    open('/dev/zero');
    open(put('a'));
    open(put('a'), { maxBytes: 1 });
    open(`${home}/none`);
    expect(openFiles().filter((path) => path === '/dev/zero' || path.startsWith(home))).toEqual([]);
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

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The descriptor of the listing itself, which is closed by now.
      return [];
    }
  });
}

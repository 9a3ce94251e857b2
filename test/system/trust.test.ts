/** Which files are trusted by their permissions, type and links. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  lchownSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, test } from 'vitest';
import { isRefusal, openTrusted } from '../../src/system/trust.ts';
import { asRoot, folder, home, makeHomes, open, put } from './trust-files.ts';

makeHomes();

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

  asRoot('of another user in a sticky folder are refused', () => {
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

  test('a pipe without a name, as of "check <(cat rules.yaml)", is named as a pipe', () => {
    const pipes = readdirSync('/proc/self/fd')
      .map((fd) => `/proc/self/fd/${fd}`)
      .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink())
      .filter((path) => readlinkSync(path).startsWith('pipe:['));
    expect(open(pipes[0]!)).toBe(`refused: ${pipes[0]} is a pipe, not a regular file`);
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

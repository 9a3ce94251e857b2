/** Which files of the hook folders are run, and which are refused: real files. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isWholeRoot, scripts, type Scripts } from './scripts.ts';

describe('which hooks are run', () => {
  it('runs the hooks of both folders in the order of their names, with interface and action', async () => {
    const { write, run, said, folders } = scripts();
    write('20-b', 'echo "b $# $1 $2"');
    write('10-a', 'echo "a $# $1 $2"', 0o755, folders[1]);
    write('9-c', 'echo c', 0o755, folders[1]);
    write('Z', 'echo Z');
    const reports = await run();
    expect(said()).toEqual(['a 2 wwan0 up', 'b 2 wwan0 up', 'c', 'Z']);
    expect(reports.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done', 'done']);
  });

  it('earlier folder replaces; an empty file or a link to /dev/null masks', async () => {
    const { write, run, said, lines, folders } = scripts();
    for (const name of ['10-replaced', '20-emptied', '30-nulled', '40-stays']) {
      write(name, `echo packaged ${name}`, 0o755, folders[1]);
    }
    write('10-replaced', 'echo mine');
    writeFileSync(join(folders[0], '20-emptied'), '');
    symlinkSync('/dev/null', join(folders[0], '30-nulled'));
    await run();
    expect(said()).toEqual(['mine', 'packaged 40-stays']);
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  });

  it('runs no packaged hook in place of a refused one', async () => {
    const { write, run, said, folders } = scripts();
    write('10-hook', 'echo packaged', 0o755, folders[1]);
    write('10-hook', 'echo mine', 0o775);
    await run();
    expect(said()).toEqual([]);
  });

  it('skips left-over files of editors and packagers silently', async () => {
    const { write, run, lines } = scripts();
    const names = [
      '.hidden',
      'a~',
      'a.swp',
      'a.rpmsave',
      'a.rpmnew',
      'a.dpkg-dist',
      'a.dpkg-old',
      'a.dpkg-new',
    ];
    for (const name of names) write(name, 'echo no', 0o777);
    expect(await run()).toEqual([]);
    expect(lines).toEqual([]);
  });

  it('ignores folders that do not exist', async () => {
    const { run, lines, root } = scripts();
    expect(await run({ folders: [join(root, 'none')] })).toEqual([]);
    expect(lines).toEqual([]);
  });
});

const refusals: [string, (harness: Scripts, path: string) => void, (path: string) => RegExp | string][] = [
  [
    'the group may write it',
    (_, path) => chmodSync(path, 0o775),
    (path) => `${path} is writable by its group: chmod g-w ${path}`,
  ],
  [
    'everyone may write it',
    (_, path) => chmodSync(path, 0o757),
    (path) => `${path} is writable by everyone: chmod o-w`,
  ],
  [
    'it is not executable',
    (_, path) => chmodSync(path, 0o644),
    (path) => `${path} is not executable: chmod +x`,
  ],
  ['it is setuid', (_, path) => chmodSync(path, 0o4755), (path) => `${path} is setuid: chmod u-s ${path}`],
  ['it is setgid', (_, path) => chmodSync(path, 0o2755), (path) => `${path} is setgid: chmod g-s ${path}`],
  [
    'its folder may be written by others',
    ({ folders }) => chmodSync(folders[0], 0o777),
    (path) => `${path.slice(0, path.lastIndexOf('/'))} is writable by`,
  ],
  [
    'its folder may be written by others, though it is sticky',
    ({ folders }) => chmodSync(folders[0], 0o1777),
    (path) => `${path.slice(0, path.lastIndexOf('/'))} is writable by`,
  ],
  [
    'a folder above may be written by others',
    ({ root }) => chmodSync(root, 0o777),
    (path) => `${path.split('/').slice(0, -2).join('/')} is writable by`,
  ],
];

describe('which hooks are refused', () => {
  it.each(refusals)('%s', async (_, spoil, sentence) => {
    const harness = scripts();
    const path = harness.write('10-hook', 'echo run');
    spoil(harness, path);
    expect(await harness.run({ folders: [harness.folders[0]] })).toEqual([]);
    expect(harness.lines).toEqual([expect.stringMatching(/^warn (hook not run|no hook in .* is run): /)]);
    expect(harness.lines[0]).toContain(sentence(path));
  });

  it('a link, even to a valid script', async () => {
    const { write, run, lines, folders } = scripts();
    const target = write('10-target', 'echo run', 0o755, folders[1]);
    symlinkSync(target, join(folders[0], '20-link'));
    const reports = await run();
    expect(reports.map(({ path }) => path)).toEqual([target]);
    expect(lines.at(-1)).toContain('20-link is a link to');
  });

  it('a folder behind a link', async () => {
    const { write, run, lines, root, folders } = scripts();
    write('10-hook', 'echo run');
    symlinkSync(folders[0], join(root, 'link'));
    expect(await run({ folders: [join(root, 'link')] })).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('link is a link to')]);
  });

  it('a file that is not regular', async () => {
    const { run, lines, folders } = scripts();
    mkdirSync(join(folders[0], '10-folder'));
    spawnSync('mkfifo', ['-m', '755', join(folders[0], '20-pipe')]);
    expect(await run()).toEqual([]);
    expect(lines).toEqual([
      expect.stringContaining('10-folder is a folder, not a regular file'),
      expect.stringContaining('20-pipe is a pipe, not a regular file'),
    ]);
  });

  it.skipIf(!isWholeRoot())('a file of another user (skipped unless root can give files away)', async () => {
    const { write, run, lines } = scripts();
    const path = write('10-hook', 'echo run');
    chownSync(path, 1234, 0);
    expect(await run()).toEqual([]);
    expect(lines).toEqual([expect.stringContaining(`${path} belongs to uid 1234, not to root`)]);
  });

  it('logs a refusal once, and again when its reason changes', async () => {
    const { write, run, lines } = scripts();
    const path = write('10-hook', 'echo run', 0o775);
    await run();
    await run();
    expect(lines).toHaveLength(1);
    chmodSync(path, 0o644);
    await run();
    expect(lines).toHaveLength(2);
    chmodSync(path, 0o755);
    await run();
    chmodSync(path, 0o775);
    await run();
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['warn', 'warn', 'info', 'warn']);
  });
});

/** A daemon that starts with a runtime folder that others created or can write. */
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN, type Finished } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { test } from './attacker.ts';

const RULES = { 'eth*': 'subflow' };

/** A daemon that would make one pass, with a /run of its own that already has files. */
function startOver(lab: Lab, plant: string): Promise<Finished> {
  const config = join(lab.folder, 'config.yaml');
  writeFileSync(config, 'rules: {"eth*": subflow}', { mode: 0o644 });
  const cookie = lab.host.journal().split('/').at(-2);
  const script = `
    mount -t tmpfs -o mode=755 tmpfs /run
    here=/run/multihomed there=/run/there
    space=$here/${cookie}
    ${plant}
    shift
    "$@"; code=$?
    find $there -mindepth 1 2>/dev/null | sed 's/^/found: /'
    exit $code`;
  const daemon = [process.execPath, MAIN, 'run', '--once', '--config', config];
  return finished(lab.host.spawn('unshare', ['--mount', 'sh', '-euc', script, 'sh', cookie!, ...daemon]));
}

const PLANTED = [
  ['the folder belongs to another user', 'mkdir -m 755 $here; chown 65534 $here', /may be written by others/],
  ['the folder is writable by everybody', 'mkdir $here; chmod 777 $here', /may be written by others/],
  ['the folder is writable by a group', 'mkdir $here; chmod 775 $here', /may be written by others/],
  [
    'the folder is writable by everybody and sticky',
    'mkdir $here; chmod 1777 $here',
    /may be written by others/,
  ],
  ['the folder is a link', 'mkdir -m 755 $there; ln -s $there $here', /ELOOP|ENOTDIR/],
  ['the folder is a link to nothing', 'ln -s $there/none $here', /ENOENT|EEXIST/],
  ['the folder is a file', ': >$here', /ENOTDIR/],
  ['the folder is a pipe', 'mkfifo $here', /ENOTDIR/],
  [
    'the folder of the namespace belongs to another user',
    'mkdir -m 755 $here $space; chown 65534 $space',
    /may be written by others/,
  ],
  [
    'the folder of the namespace is writable by everybody',
    'mkdir $here $space; chmod 777 $space',
    /may be written by others/,
  ],
  [
    'the folder of the namespace is a link',
    'mkdir -m 755 $here $there; ln -s $there $space',
    /ELOOP|ENOTDIR/,
  ],
  ['the lock is a link', 'mkdir -m 755 $here $space $there; ln -s $there/lock $space/lock', /ELOOP/],
] as const;

test('a runtime folder that others planted or can write is refused', async ({ lab, attack }) => {
  // Only for root over other users, as all of these.
  expect(attack).toBeTypeOf('function');
  lab.cable('eth0').connect();
  const seen = await Promise.all(
    PLANTED.map(async ([what, plant, reason]) => {
      const { code, stderr, stdout } = await startOver(lab, plant);
      return [what, code, reason.exec(stderr)?.length, stdout];
    }),
  );
  // Files that belong to others fail by permission; planted files are refused.
  const code = (reason: RegExp): number => (String(reason).includes('others') ? 77 : 2);
  expect(seen).toEqual(PLANTED.map(([what, , reason]) => [what, code(reason), 1, '']));
  expect(lab.host.endpoints()).toEqual([]);
});

test('no other user can open the lock of a running daemon', async ({ lab, attack }) => {
  lab.cable('eth0').connect();
  const lock = lab.host.journal().replace('journal.json', 'lock');
  const grab = `
import fcntl, os, sys
for path in sys.argv[1:]:
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_PATH):
        try:
            fcntl.flock(os.open(path, flags), fcntl.LOCK_EX | fcntl.LOCK_NB)
            print('locked', path, flags)
        except OSError as error: print(type(error).__name__, error.errno)
`;
  const first = await lab.daemon(RULES);
  await first.stop('SIGKILL');
  // O_PATH can open any file, and cannot lock it.
  expect(await attack(grab, { args: [lock] }).done()).toEqual([
    ...Array<string>(3).fill('PermissionError 13'),
    'OSError 9',
  ]);
  await lab.daemon(RULES);
});

test('the folder of another namespace is neither read nor written', async ({ lab, attack }) => {
  expect(attack).toBeTypeOf('function');
  lab.cable('eth0').connect();
  lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const far = await lab.prepareFar(RULES, ['--once']).finished();
  expect(far.stderr).toContain('everything is done');
  expect(daemon.runs).toBe(true);
  await daemon.stop();
  const { code, stderr } = await startOver(lab, 'mkdir -m 755 $here $here/1; echo {} >$here/1/journal.json');
  expect([code, stderr]).toEqual([0, expect.stringContaining('everything is done')]);
});

test.for([0o000, 0o077])('its files have the same modes with umask %i', async (mask, { lab }) => {
  mkdirSync(join(lab.folder, 'etc'));
  lab.cable('eth0').connect();
  const daemon = lab.prepare(RULES);
  await daemon.stop('SIGKILL');
  const before = process.umask(mask);
  const masked = lab.prepare(RULES);
  process.umask(before);
  chmodSync(masked.config, 0o644);
  await masked.started();
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const folder = dirname(lab.host.journal());
  const names = readdirSync(folder).sort();
  expect(names.map((name) => [name, statSync(join(folder, name)).mode & 0o777])).toEqual([
    ['control', 0o666],
    ['journal.json', 0o644],
    ['lock', 0o600],
  ]);
  expect(statSync(folder).mode & 0o777).toBe(0o755);
  expect(statSync(dirname(folder)).mode & 0o777).toBe(0o755);
});

test.for([false, true])(
  'commands that change something exit with 77 for an ordinary user (folder exists: %s)',
  async (there, { lab, attack }) => {
    expect(attack).toBeTypeOf('function');
    const config = join(lab.folder, 'config.yaml');
    writeFileSync(config, 'rules: {"eth*": subflow}', { mode: 0o644 });
    const commands = [
      ['run', '--once', '--config', config],
      ['run', '--dry-run', '--once', '--config', config],
      ['flush'],
      ['endpoint', 'add', '192.168.50.1'],
      ['limits', 'set', 'subflows', '3'],
    ];
    const answers = commands.map((words) => {
      const script = `
      mount -t tmpfs -o mode=755 tmpfs /run
      ${there ? 'mkdir -m 755 /run/multihomed' : ''}
      exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"`;
      return finished(
        lab.host.spawn('unshare', ['--mount', 'sh', '-euc', script, 'sh', process.execPath, MAIN, ...words]),
      );
    });
    for (const [at, { code, stderr }] of (await Promise.all(answers)).entries())
      expect([commands[at]!.join(' '), code, stderr]).toEqual([
        commands[at]!.join(' '),
        77,
        expect.stringMatching(/root/),
      ]);
  },
);

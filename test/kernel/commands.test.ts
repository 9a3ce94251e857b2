/** Commands as users type them, and the exit codes on which scripts rely. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { command, finished, MAIN, type Finished } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

/**
 * Runs a program for which socket(2) fails with EAFNOSUPPORT for one family: seccomp(2), as RestrictAddressFamilies=
 * does.
 */
const FORBID = `
import ctypes, errno, os, platform, struct, sys
family, argv = int(sys.argv[1]), sys.argv[2:]
number = 41 if platform.machine() == "x86_64" else 198
load, jump, answer = 0x20, 0x15, 0x06
program = b"".join(struct.pack("HBBI", *each) for each in [
  (load, 0, 0, 0), (jump, 0, 3, number),
  (load, 0, 0, 16), (jump, 0, 1, family),
  (answer, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (answer, 0, 0, 0x7fff0000),
])
class Program(ctypes.Structure):
  _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
libc = ctypes.CDLL(None, use_errno=True)
zero = ctypes.c_ulong(0)
assert libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) == 0
assert libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(Program(6, program))) == 0
os.execv(argv[0], argv)
`;

describe('status', () => {
  test('with a daemon: lists every uplink, limits and endpoints', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    lab.cable('wwan0');
    lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const status = await daemon.status();
    expect(status?.daemon?.pid).toBe(daemon.pid);
    expect(await daemon.uplink(eth.address())).toMatchObject({
      interface: 'eth0',
      state: 'active',
      gateway: eth.gateway(),
      table: lab.host.table('eth0'),
      rule: { glob: 'eth*', file: daemon.config },
      endpoint: { id: lab.host.endpoints().find(({ dev }) => dev === 'eth0')?.id, flags: ['subflow'] },
    });
    expect(status?.limits).toEqual({ subflows: 8, addAddrAccepted: 0 });
    expect(status?.endpoints).toMatchObject({ owned: 1, foreign: 1 });
    const { stdout, code } = await daemon.command('status');
    expect(code).toBe(0);
    for (const word of ['eth0', eth.address(), 'active', eth.gateway(), 'wwan0', 'no carrier'])
      expect(stdout).toContain(word);
    expect(stdout).not.toContain('\u001b');
  });

  test('status of one interface, and of an interface that no rule selects', async ({ lab }) => {
    lab.cable('eth0').connect();
    lab.cable('wwan0').connect();
    const daemon = await lab.daemon(RULES);
    const { stdout } = await daemon.command('status', 'wwan0');
    expect(stdout).toContain('wwan0');
    expect(stdout).not.toContain('eth0');
    expect((await daemon.command('status', 'nosuch')).code).toBe(64);
  });

  test('without a daemon: reads the kernel, says that no daemon runs and exits with 0', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await daemon.stop();
    const status = await daemon.status();
    expect(status?.daemon).toBeNull();
    expect(await daemon.uplink(eth.address())).toMatchObject({ state: 'active', interface: 'eth0' });
    const { stdout, code } = await daemon.command('status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/no daemon/i);
    expect(lab.host.endpoints()).toHaveLength(1);
  });
});

describe('flush', () => {
  test('with a daemon: removes all owned objects and pauses the daemon until reload', async ({ lab }) => {
    const eth = lab.cable('eth0').connect().give(6).route(6);
    lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
    const before = lab.host.state();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
    const { code, stdout } = await daemon.command('flush');
    expect(code).toBe(0);
    expect(stdout).toContain(`endpoint delete ${eth.address()}`);
    expect(lab.host.state()).toEqual(before);
    eth.unroute().route();
    lab.cable('wwan0').connect();
    await stays(() => lab.host.endpoints());
    expect(lab.host.endpoints()).toHaveLength(1);
    expect((await daemon.command('status')).stdout).toContain(
      'paused since "multihomed flush"; resume with "multihomed reload"',
    );
    await daemon.reload();
    await expect.poll(() => lab.host.endpoints()).toHaveLength(4);
  });

  test('without a daemon: removes all owned objects', async ({ lab }) => {
    lab.cable('eth0').connect().give(6).route(6);
    lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
    const before = lab.host.state();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
    await daemon.stop();
    expect((await daemon.command('flush')).code).toBe(0);
    expect(lab.host.state()).toEqual(before);
    expect((await daemon.command('flush')).code).toBe(0);
  });

  test.for([true, false])(
    'refuses to cut open connections without --force; daemon: %s',
    async (runs, { lab }) => {
      const eth = lab.cable('eth0').connect();
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
      const connections = await lab.connections();
      await connections.open(eth.address());
      await connections.open(eth.address());
      if (!runs) await daemon.stop();
      const before = lab.host.state();
      const refused = await daemon.command('flush');
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/2 open MPTCP connections.*--force/);
      expect(lab.host.state()).toEqual(before);
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      expect(lab.host.endpoints()).toEqual([]);
      expect(lab.host.rules()).toEqual([]);
    },
  );

  test.for([
    ['the variable itself', ['"$@"'], 'found by SSH_CONNECTION'],
    [
      'a caller with the variable, as with sudo',
      ['env -u SSH_CONNECTION "$@"; exit $?'],
      'found by the environment of process',
    ],
    [
      'a caller of that caller, as with su',
      ['env -u SSH_CONNECTION sh -c \'"$@"; exit $?\' sh "$@"; exit $?'],
      'found by the environment of process',
    ],
  ] as const)('refuses to cut the SSH session that runs it: %s', async ([, [script], found], { lab }) => {
    const eth = lab.cable('eth0').connect();
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const session = `198.51.100.1 50022 ${eth.address()} 22`;
    const flush = (words: string): Promise<Finished> =>
      finished(
        lab.host.spawn('sh', ['-c', words, 'sh', process.execPath, MAIN, 'flush'], {
          SSH_CONNECTION: session,
        }),
      );
    const { code, stderr } = await flush(script);
    expect(stderr).toContain('would cut this SSH session (from 198.51.100.1, ');
    expect(stderr).toContain(found);
    expect(code).toBe(2);
    expect(lab.host.endpoints()).toHaveLength(1);
    // A session that uses no route of multihomed is not affected.
    const elsewhere = script.replace('"$@"', 'SSH_CONNECTION="198.51.100.1 50022 127.0.0.1 22" "$@"');
    expect((await flush(elsewhere)).code).toBe(0);
  });

  test('does not count a connection that keeps another subflow', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const wwan = lab.cable('wwan0').connect();
    const daemon = await lab.daemon({ 'wwan*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections();
    const connection = await connections.open(eth.address());
    await expect.poll(() => connections.subflows()).toEqual([eth.address(), wwan.address()]);
    expect((await daemon.command('flush')).code).toBe(0);
    expect(lab.host.endpoints()).toEqual([]);
    await connection.echo('still here');
  });
});

describe('exit codes', () => {
  test('75: a second daemon exits at once and names the running one', async ({ lab }) => {
    const first = await lab.daemon(RULES);
    const { code, stderr } = await lab.prepare(RULES).finished();
    expect(code).toBe(75);
    expect(stderr).toContain(`pid ${first.pid}`);
    expect(first.runs).toBe(true);
  });

  test('69: Multipath TCP is switched off', async ({ lab }) => {
    lab.host.sysctl('net.mptcp.enabled', 0);
    const { code, stderr } = await lab.prepare(RULES).finished();
    expect(code).toBe(69);
    expect(stderr).toContain('net.mptcp.enabled');
  });

  test.for([
    'run',
    'run --config /nonexistent/config.yaml',
    'endpoint add 192.0.2.1 nonsense',
    'endpoint delete id 200',
    'endpoint change id 200 backup',
    'endpoint flush',
    'limits set subflows 1000',
  ])('77: no CAP_NET_ADMIN, before any other error: %s', async (words, { lab }) => {
    const drop = ['--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const { code, stderr } = await lab.weak(drop, words.split(' '));
    expect(stderr).toMatch(/^needs root \(CAP_NET_ADMIN\)/);
    expect(code).toBe(77);
  });

  test.for([
    [1, 'AF_UNIX', 'status'],
    [2, 'AF_INET', 'run'],
    [16, 'AF_NETLINK', 'status'],
    [16, 'AF_NETLINK', 'endpoint show'],
  ] as const)(
    '2: address family %i (%s) is forbidden by seccomp: %s',
    async ([family, name, words], { lab }) => {
      const daemon = lab.prepare(RULES);
      await daemon.started();
      if (words === 'run') await daemon.stop();
      const args = [process.execPath, MAIN, ...words.split(' ')];
      const { code, stderr } = await finished(
        lab.host.spawn('python3', [
          '-c',
          FORBID,
          String(family),
          ...(words === 'run' ? [...args, '--config', daemon.config] : args),
        ]),
      );
      expect(stderr).toContain(`sockets of ${name} are forbidden to this process (EAFNOSUPPORT)`);
      expect(stderr).toMatch(/^ {4}RestrictAddressFamilies=.*AF_NETLINK/m);
      expect(code).toBe(2);
    },
  );

  test('78: invalid configuration; all errors are printed', async ({ lab }) => {
    const { code, stderr } = await lab
      .prepare('rules:\n  "eth*": subflwo\n  wl0: backup\nlimit: auto\n')
      .finished();
    expect(code).toBe(78);
    for (const line of [2, 3, 4]) expect(stderr).toMatch(new RegExp(`config\\.yaml:${line}:\\d+`));
    expect(stderr).toContain('limits');
    const missing = await command(lab.host, ['run', '--config', join(lab.folder, 'none.yaml')]);
    expect(missing.code).toBe(78);
  });

  test('64: wrong arguments', async ({ lab }) => {
    for (const args of [
      ['rnu'],
      ['run', '--nonsense'],
      ['run', '--log', 'paper'],
      ['run', '--netns', '../x'],
    ]) {
      const { code, stderr } = await command(lab.host, args);
      expect([args, code]).toEqual([args, 64]);
      expect(stderr).not.toBe('');
    }
    expect(
      (await command(lab.host, ['run', '--netns', 'none', '--config', lab.prepare(RULES).config])).code,
    ).toBe(64);
  });

  test('0: --version and --help', async ({ lab }) => {
    for (const args of [['--version'], ['--help'], ['run', '--help']]) {
      const { code, stdout } = await command(lab.host, args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).toContain('multihomed');
    }
  });
});

test('check: prints the configuration or all of its errors', async ({ lab }) => {
  const good = join(lab.folder, 'good.yaml');
  const bad = join(lab.folder, 'bad.yaml');
  writeFileSync(good, 'rules: { "eth*": subflow }\n', { mode: 0o644 });
  writeFileSync(bad, 'rules:\n  eth0: signal fullmesh\n  eth1: backup\n', { mode: 0o644 });
  expect(await command(lab.host, ['check', good])).toMatchObject({ code: 0, stderr: '' });
  const { code, stderr } = await command(lab.host, ['check', bad]);
  expect(code).toBe(78);
  expect(stderr).toMatch(/bad\.yaml:2:\d+[^]*bad\.yaml:3:\d+/);
  const json = await command(lab.host, ['check', bad, '--json']);
  expect(json.code).toBe(78);
  expect(JSON.parse(json.stdout)).toMatchObject({ valid: false, errors: [{ line: 2 }, { line: 3 }] });
});

test.for([
  ['net.mptcp.pm_type', 1, /pm_type|path_manager/],
  ['net.mptcp.enabled', 0, /net\.mptcp\.enabled/],
] as const)('no uplink is active under %s=%i, and status says why', async ([name, value, why], { lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
  lab.host.sysctl(name, value);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^failed: /);
  expect(await daemon.stateOf(eth.address())).toMatch(why);
  expect((await daemon.status())?.problems.join()).toMatch(why);
  expect((await daemon.command('explain', 'eth0')).stdout).toMatch(why);
  await daemon.stop();
  expect(await daemon.stateOf(eth.address())).toMatch(/^failed: /);
});

test('no rule selects an interface: run, plan and status report it', async ({ lab }) => {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon({ 'other*': 'subflow' });
  await expect
    .poll(() => daemon.log)
    .toMatch(/nothing is managed: no rule selects .*rules: \{ "eth0": subflow \}/);
  expect((await daemon.command('status')).stdout).toMatch(/nothing is managed/i);
  expect((await daemon.command('plan', '--config', daemon.config)).stdout).toMatch(/nothing is managed/);
});

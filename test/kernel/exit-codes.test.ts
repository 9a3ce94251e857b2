/** The exit codes on which scripts rely. */
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { command, finished, MAIN } from '../support/daemon.ts';
import { test } from '../support/lab.ts';

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

describe('exit codes', () => {
  test('75: a second daemon exits at once and names the running one', async ({ lab }) => {
    const first = await lab.daemon(RULES);
    const { code, stderr } = await lab.prepare(RULES).finished();
    expect(code).toBe(75);
    expect(stderr).toContain(`pid ${first.pid}`);
    expect(first.runs).toBe(true);
  });

  test('69: Multipath TCP is disabled', async ({ lab }) => {
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
    const { code, stderr } = await lab.withPrivileges(drop, words.split(' '));
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
      expect(stderr).toContain(`this process may not open sockets of ${name} (EAFNOSUPPORT)`);
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

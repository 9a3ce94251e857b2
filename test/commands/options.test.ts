/** Options that many commands share, and errors in options. */
import { expect } from 'vitest';
import { command, type Finished } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';

/** Runs from outside, in the provider's namespace, which has no objects of the host. */
const outside = (lab: Lab, line: string): Promise<Finished> => command(lab.provider, line.split(' '));

test('--netns: each command works in the named namespace', { timeout: 120_000 }, async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const name = lab.host.name;
  const before = lab.provider.state();
  const status = await outside(lab, `status --json -n ${name}`);
  expect(JSON.parse(status.stdout)).toMatchObject({
    daemon: { pid: daemon.pid },
    uplinks: expect.arrayContaining([
      expect.objectContaining({ interface: 'eth0', address: eth.address(), state: 'active' }),
    ]),
  });
  expect((await outside(lab, `explain eth0 --netns ${name}`)).stdout).toContain(`${eth.address()}: active`);
  expect((await outside(lab, `endpoint -n ${name}`)).stdout).toBe(lab.host.ip('mptcp endpoint show'));
  expect((await outside(lab, `end sh -j --netns=${name}`)).stdout).toContain(eth.address());
  expect((await outside(lab, `endpoint add 192.0.2.9 signal -n ${name}`)).code).toBe(0);
  expect((await outside(lab, `limits set subflows 3 --json -n${name}`)).stdout).toBe('');
  expect(lab.host.limits().subflows).toBe(3);
  lab.host.sysctl('net.mptcp.pm_type', 1);
  expect((await outside(lab, `doctor -n ${name}`)).stdout).toContain('path manager is userspace');
  lab.host.sysctl('net.mptcp.pm_type', 0);
  expect((await outside(lab, `flush --force -n ${name}`)).stdout).toContain('endpoint delete');
  expect(lab.host.endpointTexts()).toEqual(['192.0.2.9  signal']);
  expect(lab.provider.state()).toEqual(before);
});

test('--netns: a name that ip-netns(8) would not list is refused', async ({ lab }) => {
  for (const name of ['none', '../net', '.']) {
    const { code, stderr } = await outside(lab, `status -n ${name}`);
    expect([name, code]).toEqual([name, 64]);
    expect(stderr).toContain('"ip netns" lists');
    expect((await outside(lab, `run -n ${name}`)).stderr).toContain(stderr);
  }
});

test('--config beside a running daemon is refused if it would have no effect', async ({ lab }) => {
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  for (const args of [['status'], ['explain', 'lo']]) {
    const { code, stdout, stderr } = await daemon.command(...args, '--config', daemon.config);
    expect([args, code, stdout]).toEqual([args, 64, '']);
    expect(stderr).toBe(
      '--config has no effect: a daemon runs here and uses its own configuration; omit --config\n',
    );
  }
});

test.for([
  ['status --bogus', 'see multihomed status --help'],
  ['endpoint add --bogus', 'see multihomed endpoint add --help'],
  ['limits set --bogus', 'see multihomed limits set --help'],
  ['explain', 'see multihomed explain --help'],
  ['--bogus', 'see multihomed --help'],
  ['bogus', 'see multihomed --help'],
] as const)('an error in "%s" names the help of its command', async ([line, hint], { lab }) => {
  const { code, stderr } = await command(lab.host, line.split(' '));
  expect(code).toBe(64);
  expect(stderr).toContain(`(${hint})`);
});

test.for(['-j status', '--netns blue endpoint'])('%s: says where options go', async (line, { lab }) => {
  const { code, stderr } = await command(lab.host, line.split(' '));
  expect([code, stderr.trimEnd().split('\n').at(-1)]).toEqual([
    64,
    'Options come after the command: multihomed status --json',
  ]);
});

test('-V, --version and version print the same', async ({ lab }) => {
  const texts = await Promise.all(
    ['-V', '--version', 'version'].map(async (word) => (await command(lab.host, [word])).stdout),
  );
  expect(texts[0]).toMatch(/^multihomed \d+\.\d+\.\d+\n$/);
  expect(new Set(texts).size).toBe(1);
  const { stdout } = await command(lab.host, ['version', '-j']);
  expect(`multihomed ${(JSON.parse(stdout) as { multihomed: string }).multihomed}\n`).toBe(texts[0]);
});

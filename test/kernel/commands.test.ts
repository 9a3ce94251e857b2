/** `status`, `check` and what commands print when nothing can be managed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { command } from '../support/daemon.ts';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

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

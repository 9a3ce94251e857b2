/** `status` and `explain` show the kernel's current state, with names that a user knows. */
import { describe, expect } from 'vitest';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe('status lists every interface that a rule selects', () => {
  test('with a link-local address alone: no address', async ({ lab }) => {
    lab.cable('eth0').up();
    const daemon = await lab.daemon(RULES);
    await expect
      .poll(async () => (await daemon.command('status', 'eth0')).stdout)
      .toMatch(/eth0 .*no address .*no usable address yet: fe80:\S+ \(link-local addresses are not used\)/);
    expect((await daemon.command('explain', 'eth0')).stdout).toContain(
      'ip address add ADDRESS/PREFIX dev eth0',
    );
  });
});

describe('altnames', () => {
  test('status, explain and endpoint add accept them', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    lab.host.ip('link property add dev eth0 altname modem0');
    const daemon = await lab.daemon({ 'modem*': 'subflow' });
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
    for (const args of [
      ['status', 'modem0'],
      ['explain', 'modem0'],
    ])
      expect(await daemon.command(...args)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('eth0'),
      });
    const added = await daemon.command(
      'endpoint',
      'add',
      '198.51.100.7',
      'dev',
      'modem0',
      'id',
      '9',
      'signal',
    );
    expect(added.code).toBe(0);
    expect(lab.host.endpointTexts()).toContain('198.51.100.7 eth0 signal');
  });

  test('status distinguishes an unknown name from an interface that no rule selects', async ({ lab }) => {
    lab.cable('wlan0');
    const daemon = await lab.daemon(RULES);
    expect(await daemon.command('status', 'nosuch0')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('"nosuch0": no such interface'),
    });
    expect(await daemon.command('status', 'wlan0')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('no rule selects "wlan0"'),
    });
  });
});

describe('a change without an event', () => {
  test.for(['status', 'explain'])('is seen by %s at once and handled', async (name, { lab }) => {
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    lab.host.ip('mptcp endpoint flush');
    const { stdout } = await daemon.command(name, 'eth0');
    const [endpoint] = lab.host.endpoints();
    expect(endpoint?.address).toBe(eth.address());
    expect(stdout).toContain(`id ${endpoint?.id}`);
  });

  test('of limits is seen, too', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    lab.host.ip('mptcp limits set subflows 3');
    expect((await daemon.status())?.limits.subflows).toBe(3);
  });

  test('a flood of requests causes at most ten passes a second', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES, { args: ['--debug'] });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const reads = (): number => daemon.log.split('sent: endpoint show').length;
    const socket = connect(`${dirname(lab.host.journal())}/control`);
    const before = reads();
    const began = Date.now();
    let answers = 0;
    socket.on('data', (text) => (answers += text.toString().split('\n').length - 1));
    for (let i = 0; i < 30; i++) socket.write('{"ask":"status"}\n');
    await expect.poll(() => answers, { timeout: 20_000 }).toBe(30);
    socket.destroy();
    expect(reads() - before).toBeLessThanOrEqual(3 + (Date.now() - began) / 100);
  });
});

describe('a daemon that does not answer', () => {
  test('status, explain, plan and doctor name its pid and read the kernel', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
    daemon.signal('SIGSTOP');
    const config = ['--config', daemon.config];
    const silent = `daemon (pid ${daemon.pid}) does not answer`;
    for (const args of [['status'], ['explain', 'eth0']]) {
      const { code, stdout } = await daemon.command(...args, ...config);
      expect([code, stdout]).toEqual([0, expect.stringContaining(silent)]);
      expect(stdout).toMatch(new RegExp(`${eth.address()}.*active`));
    }
    expect((await daemon.status())?.silent).toEqual({ pid: daemon.pid });
    expect((await daemon.command('plan', ...config)).code).toBe(0);
    expect((await daemon.command('doctor', ...config)).stdout).toContain(silent);
    daemon.signal('SIGCONT');
    await expect.poll(async () => (await daemon.status())?.daemon?.pid).toBe(daemon.pid);
  });
});

test('status -v and --json count passes, wake-ups, events, actions and restorations', async ({ lab }) => {
  const eth = lab.cable('eth0');
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  const counters = async () => (await daemon.status())!.daemon!.counters!;
  const before = await counters();
  expect(before.actions).toEqual({ done: 0, failed: 0 });
  eth.connect();
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
  const added = await counters();
  // A connected route and a default route, two policy rules, the limits and the endpoint.
  expect(added).toMatchObject({ since: before.since, actions: { done: 6, failed: 0 }, restored: 0 });
  expect(added.passes).toBeGreaterThan(before.passes);
  for (const kind of ['link', 'address', 'route'])
    expect(added.events[kind], kind).toBeGreaterThan(before.events[kind]!);
  expect(added.wakeUps['event']).toBeGreaterThan(before.wakeUps['event']!);
  lab.host.ip(`rule delete priority 8684`);
  await expect.poll(async () => (await counters()).restored).toBe(1);
  expect((await counters()).events['rule']).toBeGreaterThan(0);
  const { stdout } = await daemon.command('status', '-v');
  expect(stdout).toMatch(/^started \d+ s ago: \d+ passes$/m);
  expect(stdout).toMatch(/^wake-ups: event \d+, overrun 0, timer \d+, request \d+, reload \d+$/m);
  expect(stdout).toMatch(/^actions: done 7, failed 0; restored 1$/m);
  expect((await daemon.command('status')).stdout).not.toContain('wake-ups:');
});

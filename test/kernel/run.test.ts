/** How the daemon starts, reloads and ends. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

test('SIGUSR1 opens no debugger', async ({ lab }) => {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  process.kill(daemon.pid, 'SIGUSR1');
  await stays(() => lab.host.sh('ss -Hltn'), 1_000);
  expect(lab.host.sh('ss -Hltn')).toBe('');
  await expect.poll(() => daemon.stateOf('10.1.0.2')).toMatch(/^active/);
  expect(daemon.log).not.toMatch(/debugger/i);
});

describe('ending', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    '%s leaves all objects in place, and the log counts them',
    async (signal, { lab }) => {
      const eth = lab.cable('eth0').connect();
      const wwan = lab.cable('wwan0').connect();
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      const connections = await lab.connections();
      const connection = await connections.open(eth.address());
      await expect.poll(() => connections.subflows()).toEqual([eth.address(), wwan.address()]);
      const before = lab.host.state();
      const { code, stderr } = await daemon.stop(signal);
      expect(code).toBe(0);
      expect(stderr.trim().split('\n').at(-1)).toMatch(/\bflush\b/);
      expect(lab.host.state()).toEqual(before);
      expect(connections.subflows()).toEqual([eth.address(), wwan.address()]);
      await connection.echo('unaffected');
    },
  );

  test('works in the middle of a change', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    for (let times = 0; times < 4; times++) {
      const daemon = await lab.daemon(RULES);
      for (let changes = 0; changes < 20; changes++) eth.deleteDefault().addDefault();
      expect((await daemon.stop()).code).toBe(0);
    }
  });

  test('the log does not name flush if there is no object', async ({ lab }) => {
    const daemon = await lab.daemon(RULES);
    const { code, stderr } = await daemon.stop();
    expect(code).toBe(0);
    expect(stderr.trim().split('\n').at(-1)).not.toMatch(/"multihomed flush"/);
  });
});

describe('reloading', () => {
  test('applies the difference and nothing else', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const wwan = lab.cable('wwan0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const [first] = lab.host.endpoints();
    const connections = await lab.connections();
    await connections.open(eth.address());
    await expect.poll(() => connections.subflows()).toHaveLength(2);
    const mptcp = await lab.monitor('mptcp');
    const routing = await lab.monitor('route', 'rule');
    await daemon.reconfigure({ 'eth*': 'subflow', 'wwan*': 'subflow' });
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address()} eth0 subflow`, `${wwan.address()} wwan0 subflow`]);
    expect(lab.host.endpoints()[0]).toEqual(first);
    // The flag is changed by MP_PRIO, without a new subflow.
    expect(mptcp.texts().filter((text) => /SF_(CLOSED|ESTABLISHED)/.test(text))).toEqual([]);
    expect(routing.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
    await daemon.reconfigure({ 'eth*': 'subflow', 'wwan*': 'ignore' });
    await expect.poll(() => lab.host.endpoints()).toEqual([first]);
    expect(routing.texts().filter((text) => text.includes(eth.address()))).toEqual([]);
  });

  test('the same configuration again changes nothing', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.state();
    const routing = await lab.monitor('route', 'rule');
    await daemon.reload();
    expect(await stays(() => lab.host.state())).toEqual(before);
    expect(routing.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
  });

  test('happens when the file changes', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon({ 'wwan*': 'subflow' });
    await stays(() => lab.host.endpoints(), 200);
    daemon.configure(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
  });

  test('with errors: logs all of them and keeps the old configuration', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.state();
    daemon.configure('rules:\n  "eth*": subflwo\n  "wl*": { flags: backup }\n');
    daemon.signal('SIGHUP');
    await expect.poll(() => daemon.log).toMatch(/config\.yaml:2:\d+[^]*subflow[^]*config\.yaml:3:\d+/);
    expect(await stays(() => lab.host.state())).toEqual(before);
    const wwan = lab.cable('wwan0').connect();
    await expect.poll(() => lab.host.endpointTexts()).toContain(`${wwan.address()} wwan0 subflow,backup`);
  });
});

describe('--dry-run', () => {
  test('prints what would be done, changes nothing and keeps watching', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const before = lab.host.state();
    const daemon = lab.prepare(RULES, { args: ['--dry-run'] });
    await expect.poll(() => daemon.log).toMatch(/would: .*table/);
    await expect.poll(() => daemon.log).toMatch(new RegExp(`would: .*from ${eth.address()}`));
    expect(await stays(() => lab.host.state())).toEqual(before);
    lab.cable('wwan0').connect();
    await expect.poll(() => daemon.log).toMatch(/would: .*wwan0/);
    expect(lab.host.endpoints()).toEqual([]);
    expect(lab.host.rules()).toEqual([]);
    expect(daemon.runs).toBe(true);
    expect((await daemon.stop()).code).toBe(0);
  });

  test('works beside a running daemon', async ({ lab }) => {
    lab.cable('eth0').connect();
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.state();
    const dry = lab.prepare(RULES, { args: ['--dry-run', '--once'] });
    expect((await dry.finished()).code).toBe(0);
    expect(lab.host.state()).toEqual(before);
  });
});

test('--once applies everything, leaves it in place and exits', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  const { code } = await lab.prepare(RULES, { args: ['--once'] }).finished();
  expect(code).toBe(0);
  expect(lab.host.endpointTexts()).toEqual([
    `${eth.address()} eth0 subflow`,
    `${wwan.address()} wwan0 subflow,backup`,
  ]);
  wwan.down();
  await lab.prepare(RULES, { args: ['--once'] }).finished();
  expect(lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
});

test('--netns manages another namespace from outside and no other', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const here = lab.provider.state();
  lab.prepareFar(RULES, ['--netns', lab.host.name]);
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
  lab.host.ip('link set eth0 down');
  const wwan = lab.cable('wwan0').connect();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${wwan.address()} wwan0 subflow,backup`]);
  expect(lab.provider.endpoints()).toEqual([]);
  expect(here).toMatchObject({ endpoints: [] });
});

test('--debug logs netlink messages with the kernel’s names', async ({ lab }) => {
  const eth = lab.cable('eth0');
  const daemon = await lab.daemon({ 'eth*': 'subflow' }, { args: ['--debug'] });
  eth.connect();
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  await connections.open();
  const [index, address] = [lab.host.index('eth0'), eth.address()];
  const logged = (...words: readonly string[]): boolean =>
    daemon.log.split('\n').some((line) => words.every((word) => line.includes(word)));
  for (const words of [
    ['(event): RTM_NEWADDR', 'family AF_INET prefixlen 24', `index ${index}`, `IFA_ADDRESS ${address}`],
    ['sent', 'RTM_NEWRULE NLM_F_REQUEST|NLM_F_ACK|NLM_F_EXCL|NLM_F_CREATE', `FRA_SRC ${address}`],
    ['sent', 'RTM_NEWRULE', 'action FR_ACT_TO_TBL', 'FRA_PRIORITY 8684', 'FRA_PROTOCOL 86'],
    ['sent', 'cmd MPTCP_PM_CMD_ADD_ADDR', `MPTCP_PM_ATTR_ADDR { `, `MPTCP_PM_ADDR_ATTR_ADDR4 ${address}`],
    ['received', 'NLMSG_ERROR', 'error 0'],
    ['(event): mptcp_pm', 'cmd MPTCP_EVENT_ESTABLISHED', 'MPTCP_ATTR_TOKEN'],
  ])
    await expect.poll(() => logged(...words), { message: words.join(', ') }).toBe(true);
});

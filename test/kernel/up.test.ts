/** What is added when an uplink comes up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { stays } from '../support/stays.ts';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe.each([4, 6] as const)('an uplink comes up, IPv%i', (version) => {
  test('has a table, policy rules and an endpoint', async ({ lab }) => {
    const eth = lab.cable('eth0');
    await lab.daemon(RULES);
    eth.connect(version);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
    const table = lab.host.table('eth0');
    expect(table).toBe(86_840_000 + lab.host.index('eth0'));
    expect(lab.host.routeTexts(version)).toEqual([
      `${eth.subnet(version)} dev eth0 table ${table}`,
      `default via ${eth.gateway(version)} dev eth0 table ${table}`,
    ]);
    const rules = lab.host.rules(version);
    expect(rules).toContainEqual(
      expect.objectContaining({ priority: 8684, src: eth.address(version), table, protocol: '86' }),
    );
    for (const { priority } of rules) {
      expect(priority).toBeGreaterThanOrEqual(8680);
      expect(priority).toBeLessThanOrEqual(8689);
    }
    const destination = version === 4 ? '203.0.113.9' : '2600::9';
    expect(lab.host.leaves(destination, eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
  });

  test('adds connected route, default route, policy rules and endpoint in this order', async ({ lab }) => {
    const [eth, modem] = [lab.cable('eth0'), lab.cable('wwan0')];
    eth.connect(version);
    const daemon = await lab.daemon(RULES, { args: ['--debug'] });
    await expect.poll(() => lab.host.endpointTexts()).toHaveLength(1);
    const connections = await lab.connections(version);
    await connections.open(eth.address(version));
    // The kernel uses an endpoint for live connections as soon as it is added.
    const mptcp = await lab.monitor('mptcp');
    const routing = await lab.monitor('route', 'rule');
    modem.connect(version);
    await expect
      .poll(() => mptcp.texts().filter((text) => text.includes('SF_ESTABLISHED')))
      .toEqual([expect.stringContaining(modem.address(version))]);
    // The endpoint was added after all policy rules, but `ip monitor` may print them later.
    const rules = lab.host.rules(version).filter(({ src }) => src === modem.address(version));
    expect(rules).not.toEqual([]);
    await expect
      .poll(() => routing.texts().filter((text) => text.includes('[RULE]')))
      .toHaveLength(rules.length);
    const own = routing.texts().filter((text) => text.includes('proto 86'));
    const kinds = own.map((text) =>
      text.startsWith('[RULE]') ? 'policy rule' : /\bdefault\b/.test(text) ? 'default' : 'connected',
    );
    expect(kinds.slice(0, 2)).toEqual(['connected', 'default']);
    expect(new Set(kinds.slice(2))).toEqual(new Set(['policy rule']));
    const one = ['route add', 'route add', ...own.slice(2).map(() => 'policy-rule add'), 'endpoint add'];
    await expect.poll(() => daemon.changes()).toEqual([...one, ...one]);
  });

  test('waits for carrier, address and default route, and status names which', async ({ lab }) => {
    const eth = lab.cable('eth0');
    const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', families: [`ipv${version}`] } });
    expect(await daemon.stateOf('eth0')).toMatch(/^no carrier: ./);
    eth.unplug().up();
    await expect.poll(() => daemon.stateOf('eth0')).toMatch(/^no carrier: ./);
    eth.plugIn();
    if (version === 4) await expect.poll(() => daemon.stateOf('eth0')).toMatch(/^no address: ./);
    eth.addAddress(version);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^no default route: ./);
    expect(await stays(() => lab.host.endpoints())).toEqual([]);
    expect(lab.host.rules(version)).toEqual([]);
    expect(lab.host.routes(version)).toEqual([]);
    eth.addDefault(version);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^active: ./);
    expect(lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });

  test('completes when the default route is added seconds after the address', async ({ lab }) => {
    const eth = lab.cable('eth0');
    await lab.daemon(RULES);
    eth.up().addAddress(version);
    await sleep(5_000);
    expect(lab.host.endpoints()).toEqual([]);
    eth.addDefault(version);
    await expect.poll(() => lab.host.endpointTexts()).toHaveLength(1);
  });
});

test('an address is used after duplicate address detection', async ({ lab }) => {
  const eth = lab.cable('eth0');
  const daemon = await lab.daemon(RULES);
  // Sends many probes, one per second, and then skips the rest of them.
  lab.host.sysctl('net.ipv6.conf.eth0.dad_transmits', 60);
  eth.up();
  lab.host.ip(`address add ${eth.prefixed(6)} dev eth0`);
  eth.addDefault(6);
  expect(lab.host.ip('-6 address show dev eth0 tentative')).toContain(eth.address(6));
  expect(await daemon.stateOf(eth.address(6))).toMatch(/^tentative: ./);
  expect(lab.host.endpoints()).toEqual([]);
  lab.host.sysctl('net.ipv6.neigh.eth0.retrans_time_ms', 10);
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(6)} eth0 subflow`]);
  expect(lab.host.ip('-6 address show dev eth0 tentative')).not.toContain(eth.address(6));
});

test('an address that failed duplicate address detection is not used', async ({ lab }) => {
  const eth = lab.cable('eth0');
  const daemon = await lab.daemon(RULES);
  eth.up();
  lab.host.ip(`address add ${eth.gateway(6)}/64 dev eth0`);
  await expect.poll(() => lab.host.ip('-6 address show dev eth0 dadfailed')).toContain(eth.gateway(6));
  lab.host.ip('-6 route add default dev eth0');
  await expect.poll(() => daemon.stateOf(eth.gateway(6))).toMatch(/^failed: .*duplicate/);
  expect(lab.host.endpoints()).toEqual([]);
});

test('both families of one interface get an endpoint each', async ({ lab }) => {
  const eth = lab.cable('eth0');
  await lab.daemon(RULES);
  eth.connect().addAddress(6).addDefault(6);
  await expect
    .poll(() => lab.host.endpointTexts())
    .toEqual([`${eth.address()} eth0 subflow`, `${eth.address(6)} eth0 subflow`]);
});

test('uplinks that exist when the daemon starts are used', async ({ lab }) => {
  const [eth, wwan] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
  await lab.daemon(RULES);
  expect(lab.host.endpointTexts()).toEqual([
    `${eth.address()} eth0 subflow`,
    `${wwan.address()} wwan0 subflow,backup`,
  ]);
});

test('interfaces that no rule selects, and ignored ones, are left alone', async ({ lab }) => {
  lab.cable('eth0').connect();
  lab.cable('docker0').connect();
  lab.cable('veth9').connect();
  const daemon = await lab.daemon({ 'docker*': 'ignore', 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpointTexts()).toHaveLength(1);
  expect(await daemon.stateOf('docker0')).toMatch(/^ignored: ./);
  expect((await daemon.status())?.uplinks.map((each) => each.interface)).not.toContain('veth9');
  expect(lab.host.rules().every(({ src }) => src === '10.1.0.2')).toBe(true);
});

test('link-local addresses and the loopback are not used', async ({ lab }) => {
  const eth = lab.cable('eth0').connect(6);
  await expect.poll(() => lab.host.ip('-6 address show dev eth0 scope link -tentative')).toContain('fe80');
  await lab.daemon({ '*': 'subflow' });
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(6)} eth0 subflow`]);
  await stays(() => lab.host.endpointTexts());
});

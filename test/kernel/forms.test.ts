/** Forms of links and default routes that an uplink can have. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
const outside = (version: 4 | 6): string => (version === 4 ? '203.0.113.9' : '2600::9');

describe('a modem: point-to-point and without a gateway', () => {
  test.for([4, 6] as const)('default dev wwan0, IPv%i', async (version, { lab }) => {
    await lab.modem('wwan0');
    lab.host.ip('link set wwan0 up');
    const address = version === 4 ? '100.64.3.2' : '2402::2';
    lab.host.ip(
      `address add ${address}/${version === 4 ? 32 : 64} dev wwan0${version === 6 ? ' nodad' : ''}`,
    );
    lab.host.ip(`-${version} route add default dev wwan0`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${address} wwan0 subflow,backup`]);
    expect(lab.host.routeTexts(version)).toContain(`default dev wwan0 table ${lab.host.table('wwan0')}`);
    expect(lab.host.leaves(outside(version), address)).toBe('wwan0');
  });

  test('the local side of a point-to-point address is the endpoint', async ({ lab }) => {
    await lab.modem('wwan0');
    lab.host.ip('link set wwan0 up');
    lab.host.ip('address add 100.64.3.2 peer 100.64.9.1 dev wwan0');
    lab.host.ip('route add default via 100.64.9.1 dev wwan0');
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual(['100.64.3.2 wwan0 subflow,backup']);
    expect(lab.host.leaves(outside(4), '100.64.3.2')).toBe('wwan0 via 100.64.9.1');
    expect(lab.host.leaves('100.64.9.1', '100.64.3.2')).toBe('wwan0');
  });

  test('carrier loss and unplugging are noticed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const modem = await lab.modem('wwan0');
    lab.host.ip('link set wwan0 up');
    lab.host.ip('address add 100.64.3.2/32 dev wwan0');
    lab.host.ip('route add default dev wwan0 metric 700');
    await lab.daemon(RULES);
    const both = [`${eth.address()} eth0 subflow`, '100.64.3.2 wwan0 subflow,backup'].sort();
    await expect.poll(() => lab.host.endpointTexts()).toEqual(both);
    modem.carrier(false);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
    modem.carrier(true);
    await expect.poll(() => lab.host.endpointTexts()).toEqual(both);
    await modem.end();
    // The endpoint on a lost link is deleted before the policy rules are read.
    const rules = (): string[] => lab.host.ruleTexts().filter((words) => words.includes('100.64.3.2'));
    await expect
      .poll(() => [lab.host.endpointTexts(), rules()])
      .toEqual([[`${eth.address()} eth0 subflow`], []]);
  });
});

describe.each([4, 6] as const)('a default route, IPv%i', (version) => {
  test('multipath: each nexthop makes its own link an uplink', async ({ lab }) => {
    const [eth0, eth1] = [
      lab.cable('eth0').up().addAddress(version),
      lab.cable('eth1').up().addAddress(version),
    ];
    lab.host.ip(
      `-${version} route add default nexthop via ${eth0.gateway(version)} dev eth0 nexthop via ${eth1.gateway(version)} dev eth1`,
    );
    await lab.daemon(RULES);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth0.address(version)} eth0 subflow`, `${eth1.address(version)} eth1 subflow`]);
    for (const eth of [eth0, eth1])
      expect(lab.host.leaves(outside(version), eth.address(version))).toBe(
        `${eth.device} via ${eth.gateway(version)}`,
      );
  });

  test('multipath: a nexthop whose link goes down only ends that uplink', async ({ lab }) => {
    const [eth0, eth1] = [
      lab.cable('eth0').up().addAddress(version),
      lab.cable('eth1').up().addAddress(version),
    ];
    lab.host.ip(
      `-${version} route add default nexthop via ${eth0.gateway(version)} dev eth0 nexthop via ${eth1.gateway(version)} dev eth1`,
    );
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    eth0.down();
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth1.address(version)} eth1 subflow`]);
  });

  test('nexthop object: used, and its deletion without a route event is noticed', async ({ lab }) => {
    const [eth, wwan] = [lab.cable('eth0').up().addAddress(version), lab.cable('wwan0').connect(version)];
    lab.host.ip(`nexthop add id 5 via ${eth.gateway(version)} dev eth0`);
    lab.host.ip(`-${version} route add default nhid 5 metric 100`);
    await lab.daemon(RULES);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address(version)} eth0 subflow`, `${wwan.address(version)} wwan0 subflow,backup`]);
    expect(lab.host.leaves(outside(version), eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
    lab.host.ip('nexthop del id 5');
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
  });

  test('nexthop object: a default route with a worse metric is used for its link', async ({ lab }) => {
    const [best, middle, last] = ['eth0', 'eth1', 'eth2'].map((name) =>
      lab.cable(name).up().addAddress(version),
    );
    best!.addDefault(version, 'metric 50');
    lab.host.ip(`nexthop add id 5 via ${middle!.gateway(version)} dev eth1`);
    lab.host.ip(`-${version} route add default nhid 5 metric 100`);
    last!.addDefault(version, 'metric 300');
    const daemon = await lab.daemon(RULES);
    for (const each of [best!, middle!, last!])
      await expect.poll(() => daemon.stateOf(each.address(version))).toMatch(/^active/);
  });

  test('nexthop group: each member makes its own link an uplink', async ({ lab }) => {
    const [eth0, eth1] = [
      lab.cable('eth0').up().addAddress(version),
      lab.cable('eth1').up().addAddress(version),
    ];
    lab.host.ip(`nexthop add id 5 via ${eth0.gateway(version)} dev eth0`);
    lab.host.ip(`nexthop add id 6 via ${eth1.gateway(version)} dev eth1`);
    lab.host.ip('nexthop add id 7 group 5/6');
    lab.host.ip(`-${version} route add default nhid 7`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    lab.host.ip('nexthop del id 5');
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth1.address(version)} eth1 subflow`]);
  });

  test('two on one interface: the lower metric is used, then the other', async ({ lab }) => {
    const eth = lab.cable('eth0').up().addAddress(version).addDefault(version, 'metric 50');
    lab.host.ip(`-${version} route add default via ${eth.gateway(version, 9)} dev eth0 metric 90`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    const out = (): string => lab.host.leaves(outside(version), eth.address(version));
    expect(out()).toBe(`eth0 via ${eth.gateway(version)}`);
    lab.host.ip(`-${version} route del default via ${eth.gateway(version)} dev eth0`);
    await expect.poll(out).toBe(`eth0 via ${eth.gateway(version, 9)}`);
    expect(lab.host.endpoints()).toEqual(before);
  });

  test('in another table, reached through a policy rule of the host', async ({ lab }) => {
    const eth = lab.cable('eth0').up().addAddress(version);
    lab.host.ip(`-${version} route add default via ${eth.gateway(version)} dev eth0 table 777`);
    lab.host.ip(`-${version} rule add from ${eth.address(version)} lookup 777 priority 1000`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
    expect(lab.host.leaves(outside(version), eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
  });

  test('unreachable, prohibit and blackhole do not count as default route', async ({ lab }) => {
    const eth = lab.cable('eth0').up().addAddress(version);
    const daemon = await lab.daemon(RULES);
    for (const type of ['unreachable', 'prohibit', 'blackhole']) {
      lab.host.ip(`-${version} route add ${type} default`);
      await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^no default route: ./);
      await stays(() => lab.host.endpoints(), 200);
      lab.host.ip(`-${version} route del ${type} default`);
    }
    expect(lab.host.endpoints()).toEqual([]);
  });

  test('through another interface does not count', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').up().addAddress(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
    expect(await daemon.stateOf(wwan.address(version))).toMatch(/^no default route: ./);
  });

  test('is not needed with check-route: false', async ({ lab }) => {
    const eth = lab.cable('eth0').up().addAddress(version);
    await lab.daemon({ 'eth*': { flags: 'subflow', 'check-route': false } });
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });
});

test('router-advertised: expiry is noticed with and without an event', async ({ lab }) => {
  const eth = lab.cable('eth0').up().addAddress(6);
  const wwan = lab.cable('wwan0').connect(6);
  lab.host.ip(`-6 route add default via ${eth.gateway(6)} dev eth0 proto ra metric 50 expires 8`);
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${wwan.address(6)} wwan0 subflow,backup`]);
});

test('a default route for one type of service does not make an uplink', async ({ lab }) => {
  const eth = lab.cable('eth0').up().addAddress();
  const wwan = lab.cable('wwan0').connect();
  // While a nexthop object exists, the daemon finds default routes by reading the table.
  lab.host.ip(`nexthop add id 77 via ${eth.gateway()} dev eth0`);
  lab.host.ip(`route add default via ${eth.gateway()} dev eth0 tos 0x10 metric 5`);
  const daemon = await lab.daemon({ '*': 'subflow' });
  await expect.poll(() => daemon.stateOf(wwan.address())).toMatch(/^active/);
  expect(await daemon.stateOf(eth.address())).toMatch(/^no default route/);
});

test('an IPv4-mapped address is never used', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  eth.addAddress(6).addDefault(6, 'metric 100');
  lab.host.ip(`-6 address add ::ffff:${eth.address()}/128 dev eth0 nodad`);
  const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', addresses: 'all', 'per-interface': 'all' } });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  expect(await daemon.stateOf('::ffff:a01:2')).toMatch(/^ignored: IPv4-mapped/);
  expect(lab.host.ruleTexts(6).filter((each) => each.includes('ffff'))).toEqual([]);
});

/** An address that is replaced by another on its link. */
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

/** Returns the order of changes from the log, because the kernel sends no events for endpoints. */
function order({ log }: Daemon): string[] {
  return [...log.matchAll(/endpoint (add|delete) (\S+) dev \S+ \S+ id \d+$/gm)]
    .map(([, what, address]) => `${what} ${address}`)
    .filter((words, at, all) => all.indexOf(words) === at);
}

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe.each([4, 6] as const)('an address that is replaced, IPv%i', (version) => {
  test('on the only uplink: the new endpoint is added before the old one is removed', async ({ lab }) => {
    // systemd's default: a secondary address outlives the primary one of its subnet.
    lab.host.sysctl('net.ipv4.conf.all.promote_secondaries', 1);
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES, { args: ['--debug'] });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    eth.addAddress(version, 7).deleteAddress(version);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version, 7)} eth0 subflow`]);
    await expect.poll(() => connections.subflows()).toEqual([eth.address(version, 7)]);
    await expect
      .poll(() => order(daemon))
      .toEqual([
        `add ${eth.address(version)}`,
        `add ${eth.address(version, 7)}`,
        `delete ${eth.address(version)}`,
      ]);
    await connection.echo('by the new one');
    expect(lab.host.rules(version).map(({ src }) => src)).not.toContain(eth.address(version));
    expect(lab.host.routes(version)).toHaveLength(2);
  });

  test('a gap between both addresses does not close a connection', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    eth.deleteAddress(version);
    await stays(() => lab.host.endpointTexts(), 300);
    eth.addAddress(version, 7);
    if (version === 4) eth.addDefault(version);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version, 7)} eth0 subflow`]);
    await connection.echo('by the new one');
  });
});

test('a deprecated address is replaced by its successor: added before removed', async ({ lab }) => {
  const eth = lab.cable('eth0').connect(6);
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections(6);
  const connection = await connections.open(eth.address(6));
  eth.addAddress(6, 7);
  lab.host.ip(`address change ${eth.prefixed(6)} dev eth0 preferred_lft 0 valid_lft 600`);
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(6, 7)} eth0 subflow`]);
  await expect
    .poll(() => order(daemon))
    .toEqual([`add ${eth.address(6)}`, `add ${eth.address(6, 7)}`, `delete ${eth.address(6)}`]);
  expect(await daemon.stateOf(eth.address(6))).toMatch(/^(ignored|lingering): .*deprecated/);
  await connection.echo('by the new one');
});

test('a deprecated address alone is not used', async ({ lab }) => {
  const eth = lab.cable('eth0').up();
  lab.host.ip(`address add ${eth.prefixed(6)} dev eth0 nodad preferred_lft 0 valid_lft 600`);
  eth.addDefault(6);
  const daemon = await lab.daemon(RULES);
  expect(await daemon.stateOf(eth.address(6))).toMatch(/deprecated/);
  expect(await stays(() => lab.host.endpoints())).toEqual([]);
});

describe.each([4, 6] as const)('changes on an active uplink, IPv%i', (version) => {
  test('a gateway that changes is followed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    lab.host.ip(`-${version} route replace default via ${eth.gateway(version, 9)} dev eth0 metric 100`);
    const where = `dev eth0 table ${lab.host.table('eth0')}`;
    // The route through the old gateway is deleted after the new one is added.
    await expect
      .poll(() => lab.host.routeTexts(version))
      .toEqual([`${eth.subnet(version)} ${where}`, `default via ${eth.gateway(version, 9)} ${where}`]);
    await expect.poll(() => daemon.log).toMatch(/gateway .*9/);
    expect(lab.host.endpoints()).toEqual(before);
  });

  test('route metrics and the onlink flag are copied and followed', async ({ lab }) => {
    lab.cable('eth0').up().addAddress(version);
    const far = version === 4 ? '192.168.77.1' : '2401::1';
    const route = (metrics: string): void =>
      void lab.host.ip(`-${version} route replace default via ${far} dev eth0 onlink ${metrics}`);
    route('mtu 1400 advmss 1300 initcwnd 20');
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const defaultRoute = (): object | undefined =>
      lab.host.routes(version).find(({ dst }) => dst === 'default');
    expect(defaultRoute()).toMatchObject({
      gateway: far,
      flags: ['onlink'],
      metrics: [{ mtu: 1400, advmss: 1300, initcwnd: 20 }],
    });
    route('mtu 1280');
    await expect
      .poll(defaultRoute)
      .toMatchObject({ gateway: far, flags: ['onlink'], metrics: [{ mtu: 1280 }] });
    expect(lab.host.routes(version)).toHaveLength(2);
  });

  test('a renewed lease changes nothing', async ({ lab }) => {
    const eth = lab.cable('eth0').up();
    const address = (): void =>
      void lab.host.ip(
        `address replace ${eth.prefixed(version)} dev eth0 valid_lft 3600 preferred_lft 1800${version === 6 ? ' nodad' : ''}`,
      );
    const route = (): void =>
      void lab.host.ip(
        `-${version} route replace default via ${eth.gateway(version)} dev eth0 proto dhcp metric 100`,
      );
    address();
    route();
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.state();
    const monitor = await lab.monitor('route', 'rule');
    address();
    route();
    address();
    await stays(() => monitor.texts().filter((text) => text.includes('proto 86')), 800);
    expect(monitor.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
    expect(lab.host.state()).toEqual(before);
  });

  test('a second address of the interface is used when the first is removed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', addresses: 'stable' } });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    eth.addAddress(version, 7);
    await expect.poll(() => daemon.stateOf(eth.address(version, 7))).toMatch(/^ignored: .*per-interface/);
    expect(await stays(() => lab.host.endpoints())).toEqual(before);
  });

  test('per-interface: all adds an endpoint for every address', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version).addAddress(version, 7);
    await lab.daemon({ 'eth*': { flags: 'subflow', 'per-interface': 'all' } });
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address(version)} eth0 subflow`, `${eth.address(version, 7)} eth0 subflow`]);
    eth.deleteAddress(version, 7);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });
});

test('a renamed interface is matched to the rules again', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  lab.host.ip('link set eth0 down');
  lab.host.ip('link set eth0 name other0');
  lab.host.ip('link set other0 up');
  lab.host.ip(`route add default via ${eth.gateway()} dev other0 metric 100`);
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${wwan.address()} wwan0 subflow,backup`]);
  await expect.poll(() => lab.host.rules().map(({ src }) => src)).not.toContain(eth.address());
});

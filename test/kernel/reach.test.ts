/** Other destinations of the host stay reachable, as the kernel shows for each uplink's address. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
const outside = (version: 4 | 6): string => (version === 4 ? '203.0.113.9' : '2600::9');

describe.each([4, 6] as const)('IPv%i', (version) => {
  test('more specific routes of the main table are kept', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    const [bridge, net, far, vpn] =
      version === 4
        ? ['172.17.0.1/16', '172.17.0.9', '10.200.0.0/16', '10.200.0.9']
        : ['2500:17::1/64', '2500:17::9', '2500:200::/48', '2500:200::9'];
    lab.host.ip('link add docker0 type bridge');
    lab.host.ip('link set docker0 up');
    lab.host.ip(`address add ${bridge} dev docker0${version === 6 ? ' nodad' : ''}`);
    lab.host.ip(`-${version} route add ${far} via ${wwan.gateway(version, 8)} dev wwan0`);
    // IPv6 ignores a route through a link without carrier, so the bridge gets a port with carrier.
    lab.cable('port0').up();
    lab.host.ip('link set port0 master docker0');
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    for (const from of [eth.address(version), wwan.address(version)]) {
      expect(lab.host.leaves(net!, from)).toBe('docker0');
      expect(lab.host.leaves(vpn!, from)).toBe(`wwan0 via ${wwan.gateway(version, 8)}`);
    }
    expect(lab.host.leaves(eth.address(version, 8), wwan.address(version))).toBe('eth0');
    expect(lab.host.leaves(wwan.address(version, 8), eth.address(version))).toBe('wwan0');
    expect(lab.host.leaves(eth.address(version, 8), eth.address(version))).toBe('eth0');
    expect(lab.host.leaves(outside(version), eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
    expect(lab.host.leaves(outside(version), wwan.address(version))).toBe(
      `wwan0 via ${wwan.gateway(version)}`,
    );
  });

  test('two links in one subnet: each address uses its own link', async ({ lab }) => {
    const [eth0, eth1] = [lab.cable('eth0', 5), lab.cable('eth1', 5)];
    eth0.up().addAddress(version, 2).addDefault(version, 'metric 100');
    eth1.up().addAddress(version, 3).addDefault(version, 'metric 200');
    await lab.daemon(RULES);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth0.address(version, 2)} eth0 subflow`, `${eth1.address(version, 3)} eth1 subflow`]);
    for (const [eth, number] of [
      [eth0, 2],
      [eth1, 3],
    ] as const) {
      const from = eth.address(version, number);
      await expect.poll(() => lab.host.leaves(eth.address(version, 8), from)).toBe(eth.device);
      expect(lab.host.leaves(outside(version), from)).toBe(`${eth.device} via ${eth.gateway(version)}`);
    }
  });

  test('a container network within its own subnet', async ({ lab }) => {
    const eth = lab.cable('eth0').up();
    const [own, bridge, guest] =
      version === 4
        ? ['10.0.0.5/8', '10.88.0.1/16', '10.88.0.3']
        : ['2400:1::5/64', '2400:1::1:0:0:1/80', '2400:1::1:0:0:3'];
    const nodad = version === 6 ? ' nodad' : '';
    lab.host.ip(`address add ${own} dev eth0${nodad}`);
    lab.host.ip(`-${version} route add default via ${version === 4 ? '10.0.0.1' : '2400:1::1'} dev eth0`);
    const bridged = lab.cable('podman0').up();
    lab.host.ip(`address add ${bridge} dev podman0${nodad}`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    expect(lab.host.leaves(guest!, own!.split('/')[0]!)).toBe(bridged.device);
    expect(lab.host.leaves(outside(version), own!.split('/')[0]!)).toContain(eth.device);
  });

  test('two links in one subnet: a host route to a single host is kept', async ({ lab }) => {
    const cables = [lab.cable('eth0', 5), lab.cable('eth1', 5)].map((cable, at) =>
      cable
        .up()
        .addAddress(version, at + 2)
        .addDefault(version, `metric ${1100 + at}`),
    );
    lab.cable('vpn0').up();
    const hosted = cables[0]!.address(version, 200);
    lab.host.ip(`-${version} route add ${hosted} dev vpn0`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    for (const [at, cable] of cables.entries())
      expect(lab.host.leaves(hosted, cable.address(version, at + 2))).toBe('vpn0');
  });

  test('two links with the same peer: each address uses its own link', async ({ lab }) => {
    const peer = version === 4 ? '10.64.64.64/32' : '2400:64::1/128';
    const peerAddress = peer.split('/')[0]!;
    const addresses = [0, 1].map((each) => (version === 4 ? `10.9.${each}.2` : `2400:9:${each}::2`));
    for (const [at, address] of addresses.entries()) {
      await lab.modem(`ethp${at}`);
      lab.host.ip(`link set ethp${at} up`);
      lab.host.ip(`address add ${address} peer ${peer} dev ethp${at}${version === 6 ? ' nodad' : ''}`);
      lab.host.ip(`-${version} route add default via ${peerAddress} dev ethp${at} metric ${1100 + at}`);
    }
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    expect(addresses.map((address) => lab.host.leaves(peerAddress, address))).toEqual(['ethp0', 'ethp1']);
  });

  const halves = version === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
  const CONFLICT = /^conflict: tun0 takes all traffic: routes in main that are more specific than a default/;

  test('a split default through a tunnel keeps its traffic and ends the uplink until removed', async ({
    lab,
  }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await lab.modem('tun0');
    lab.host.ip('link set tun0 up');
    for (const half of halves) lab.host.ip(`-${version} route add ${half} dev tun0`);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(CONFLICT);
    await expect
      .poll(() => [lab.host.endpoints(), lab.host.leaves(outside(version), eth.address(version))])
      .toEqual([[], 'tun0']);
    for (const half of halves) lab.host.ip(`-${version} route delete ${half} dev tun0`);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });

  test('no uplink is active while a split default through a tunnel exists', async ({ lab }) => {
    await lab.modem('tun0');
    lab.host.ip('link set tun0 up');
    for (const half of halves) lab.host.ip(`-${version} route add ${half} dev tun0`);
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(CONFLICT);
    expect(lab.host.endpoints()).toEqual([]);
    expect(lab.host.leaves(outside(version), eth.address(version))).toBe('tun0');
  });

  test('the same address on two interfaces: the better metric wins until it loses carrier', async ({
    lab,
  }) => {
    const [eth, wwan] = [lab.cable('eth0', 5), lab.cable('wwan0', 5)];
    for (const cable of [wwan, eth]) cable.up().addAddress(version);
    eth.addDefault(version, 'metric 100');
    wwan.addDefault(version, 'metric 200');
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
    const uplinks = (await daemon.status())?.uplinks.filter((each) => each.address === eth.address(version));
    const states = Object.fromEntries((uplinks ?? []).map((each) => [each.interface, each.state]));
    expect(states).toEqual({ eth0: 'active', wwan0: 'conflict' });
    eth.unplug();
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
  });
});

test('a strict reverse path filter accepts answers', async ({ lab }) => {
  lab.host.sysctl('net.ipv4.conf.all.rp_filter', 1);
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  await connections.open(eth.address());
  await expect.poll(() => connections.subflows()).toEqual([eth.address(), wwan.address()]);
});

test('routing: main adds neither a table nor a policy rule', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  await lab.daemon({ '*0': { flags: 'subflow', routing: 'main' } });
  await expect
    .poll(() => lab.host.endpointTexts())
    .toEqual([`${eth.address()} eth0 subflow`, `${wwan.address()} wwan0 subflow`]);
  expect(lab.host.rules()).toEqual([]);
  expect(lab.host.routes()).toEqual([]);
  const connections = await lab.connections();
  await connections.open(eth.address());
  await expect.poll(() => connections.subflows()).toEqual([eth.address(), wwan.address()]);
});

/** Forms in which several providers are set up: each address works in both directions before, during and after. */
import { expect } from 'vitest';
import { A, B, outside, Providers, type Provider, test } from '../support/providers.ts';

const onTwoLinks: readonly Provider[] = [A, { ...B, device: 'eth1' }];
const SIX = { gateway: 'fe80::1', length: 64 };
const everything = (all: readonly Provider[]): string[] => all.map(({ address }) => `${address} out in`);

interface Scene {
  readonly providers: readonly Provider[];
  readonly commands: readonly string[];
  /** What is reachable without the daemon; by default everything. */
  readonly before?: readonly string[];
  /** `INTERFACE ADDRESS: via GATEWAY table TABLE`; absent for the uplink's own table. */
  readonly gateways: readonly string[];
}

const SCENES: Readonly<Record<string, Scene>> = {
  'two links, each with a table and an unnumbered rule (LARTC)': {
    providers: onTwoLinks,
    commands: [
      'route add 192.0.2.0/24 dev eth0 src 192.0.2.10 table 101',
      'route add default via 192.0.2.1 table 101',
      'route add 203.0.113.0/24 dev eth1 src 203.0.113.10 table 102',
      'route add default via 203.0.113.1 table 102',
      'rule add from 192.0.2.10 table 101',
      'rule add from 203.0.113.10 table 102',
      'route add default via 192.0.2.1',
    ],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'one link, the second address by an unnumbered rule': {
    providers: [A, B],
    commands: [
      'route add default via 192.0.2.1',
      'route add default via 203.0.113.1 dev eth0 table 2',
      'rule add from 203.0.113.10 lookup 2',
    ],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'rules at 100 (netplan, cloud-init)': {
    providers: onTwoLinks,
    commands: [
      'route add default via 192.0.2.1 proto dhcp metric 100',
      'route add default via 203.0.113.1 dev eth1 table 101 proto static',
      'route add 203.0.113.0/24 dev eth1 table 101 proto static',
      'rule add from 203.0.113.10 lookup 101 priority 100 proto static',
    ],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'each link with a table, and a rule for each address (AWS: amazon-ec2-net-utils)': {
    providers: [...onTwoLinks, { ...B, device: 'eth1', address: '203.0.113.11' }],
    commands: [
      'route add default via 192.0.2.1 dev eth0 proto dhcp metric 512',
      'route add default via 203.0.113.1 dev eth1 proto dhcp metric 522',
      'route add 192.0.2.0/24 dev eth0 table 10000 scope link',
      'route add default via 192.0.2.1 dev eth0 table 10000',
      'route add 203.0.113.0/24 dev eth1 table 10001 scope link',
      'route add default via 203.0.113.1 dev eth1 table 10001',
      'rule add from 192.0.2.10 lookup 10000 priority 10000',
      'rule add from 203.0.113.10 lookup 10001 priority 10001',
      'rule add from 203.0.113.11 lookup 10001 priority 10001',
    ],
    gateways: ['192.0.2.1', '203.0.113.1', '203.0.113.1'],
  },
  'addresses of their own (/32) with on-link gateways, and local ranges (Google: guest agent)': {
    providers: onTwoLinks.map((each) => ({ ...each, length: 32 })),
    commands: [
      'route add 192.0.2.1 dev eth0 proto dhcp scope link metric 100',
      'route add default via 192.0.2.1 dev eth0 proto dhcp metric 100',
      'route add 203.0.113.1 dev eth1 proto dhcp scope link metric 200',
      'route add default via 203.0.113.1 dev eth1 proto dhcp metric 200',
      'route add local 192.0.2.128/28 dev eth0 proto 66',
    ],
    before: ['192.0.2.10 out in', '203.0.113.10'],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'routes to the platform, and a rule for the second link (Azure: cloud-init)': {
    providers: onTwoLinks,
    commands: [
      'route add default via 192.0.2.1 dev eth0 proto dhcp src 192.0.2.10 metric 100',
      'route add default via 203.0.113.1 dev eth1 proto dhcp src 203.0.113.10 metric 200',
      'route add 168.63.129.16 via 192.0.2.1 dev eth0 proto dhcp metric 100',
      'route add 169.254.169.254 via 192.0.2.1 dev eth0 proto dhcp metric 100',
      'route add default via 203.0.113.1 dev eth1 table 101 proto static',
      'rule add from 203.0.113.10 to 168.63.129.16 lookup main priority 99',
      'rule add from 203.0.113.10 lookup 101 priority 100 proto static',
    ],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'main without its defaults first, then a rule for the network (NetworkManager)': {
    providers: [A, B],
    commands: [
      'route add default via 192.0.2.1 metric 100',
      'route add default via 203.0.113.1 dev eth0 table 200',
      'rule add lookup main suppress_prefixlength 0 priority 4',
      'rule add from 203.0.113.0/24 lookup 200 priority 5',
    ],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'two gateways in main alone: each address by the one of its own prefix': {
    providers: [A, B],
    commands: ['route add default via 192.0.2.1 metric 100', 'route add default via 203.0.113.1 metric 200'],
    before: ['192.0.2.10 out in', '203.0.113.10'],
    gateways: ['192.0.2.1', '203.0.113.1'],
  },
  'two gateways in one subnet: each address by the route that prefers it': {
    providers: [A, { ...A, gateway: '192.0.2.2', address: '192.0.2.20' }],
    commands: [
      'route add default via 192.0.2.1 metric 100 src 192.0.2.10',
      'route add default via 192.0.2.2 metric 200 src 192.0.2.20',
    ],
    // Replies from this address leave through the other router, which drops them.
    before: ['192.0.2.10 out in', '192.0.2.20 out'],
    gateways: ['192.0.2.1', '192.0.2.2'],
  },
  'an address of its own (/32) by an on-link gateway': {
    providers: [{ ...A, length: 32 }],
    commands: ['route add default via 192.0.2.1 dev eth0 onlink'],
    gateways: ['192.0.2.1'],
  },
  'IPv6: two routers on a link by source (RFC 8028), links with rules, an address of its own (/128)': {
    providers: [
      { ...SIX, address: '2400:a::10', device: 'eth0' },
      { ...SIX, address: '2400:b::10', device: 'eth0', gateway: 'fe80::2' },
      { ...SIX, address: '2400:c::10', device: 'eth1' },
      { ...SIX, address: '2400:d::10', device: 'eth2', gateway: '2400:d::1' },
      { ...SIX, address: '2400:e::10', device: 'eth3', length: 128 },
    ],
    commands: [
      '-6 route add default from 2400:a::/64 via fe80::1 dev eth0 proto ra',
      '-6 route add default from 2400:b::/64 via fe80::2 dev eth0 proto ra',
      '-6 route add default via fe80::1 dev eth1 table 101',
      '-6 rule add from 2400:c::10 lookup 101',
      '-6 route add 2400:d::/64 dev eth2 table 102',
      '-6 route add default via 2400:d::1 dev eth2 table 102',
      '-6 rule add from 2400:d::/64 lookup 102 priority 100',
      '-6 route add default via fe80::1 dev eth3 onlink',
    ],
    gateways: ['fe80::1', 'fe80::2', 'fe80::1', '2400:d::1', 'fe80::1'],
  },
};

for (const [name, { providers, commands, before, gateways }] of Object.entries(SCENES))
  test(`forms: ${name}`, { timeout: 120_000 }, async ({ lab }) => {
    const scene = new Providers(lab, providers);
    const held = providers.map(({ address }) => `${address} transfers`);
    try {
      for (const command of commands) lab.host.ip(command);
      await scene.serve();
      const baseline = before ?? everything(providers);
      expect(await scene.reached()).toEqual(baseline);
      // If each address works without the daemon, open connections must survive everything.
      const ask = before ? null : await scene.hold();
      const daemon = lab.prepare({ 'eth*': { flags: 'signal', 'per-interface': 'all' } });
      for (let asked = 0; ask && asked < 5; asked++) expect(await ask()).toEqual(held);
      await daemon.started();
      await expect.poll(() => lab.host.endpoints(), { timeout: 20_000 }).toHaveLength(providers.length);
      expect(await scene.reached()).toEqual(everything(providers));
      if (ask) expect(await ask()).toEqual(held);
      expect(providers.map(({ address }) => lab.host.leaves(outside(address), address))).toEqual(
        providers.map(({ device }, at) => `${device} via ${gateways[at]}`),
      );
      await daemon.stop();
      expect(await scene.reached()).toEqual(everything(providers));
      if (ask) expect(await ask()).toEqual(held);
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      for (const version of [4, 6] as const)
        expect([lab.host.rules(version), lab.host.routes(version)]).toEqual([[], []]);
      expect(await scene.reached()).toEqual(baseline);
    } finally {
      scene.end();
    }
  });

/** An uplink that comes up: each state with its reason, and the actions of each pass. */
import { describe, expect, test } from 'vitest';
import { uplinkReason } from '../../src/messages/reason.ts';
import { PlanHost, rule } from './build.ts';

const ETH = [rule('eth*')];
const IPV6 = { flags: 0x80 };

/** A host, and the expected state and reason. */
const STATES: readonly (readonly [name: string, host: () => PlanHost, state: string, reason: RegExp])[] = [
  [
    'a link that is down',
    () => new PlanHost().link('eth0', 2, { flags: 0 }),
    'eth0 -: no carrier',
    /link is down/,
  ],
  [
    'a link without carrier',
    () => new PlanHost().link('eth0', 2, { flags: 1 }),
    'eth0 -: no carrier',
    /up and has no carrier/,
  ],
  [
    'an address without carrier',
    () => new PlanHost().link('eth0', 2, { flags: 1 }).address(2, '192.0.2.10/24'),
    'eth0 192.0.2.10: no carrier',
    /no carrier/,
  ],
  ['no address', () => new PlanHost().link('eth0', 2), 'eth0 -: no address', /no IPv4 or IPv6 address yet/],
  [
    'a tentative address',
    () => new PlanHost().link('eth0', 2).address(2, '2001:db8::1/64', { flags: 0x40 }),
    'eth0 2001:db8::1: tentative',
    /duplicate address detection/,
  ],
  [
    'an address that failed duplicate address detection',
    () => new PlanHost().link('eth0', 2).address(2, '2001:db8::1/64', { flags: 0x48 }),
    'eth0 2001:db8::1: failed',
    /another host has this address/,
  ],
  [
    'a deprecated address',
    () => new PlanHost().link('eth0', 2).address(2, '2001:db8::1/64', { flags: 0xa0 }),
    'eth0 2001:db8::1: ignored',
    /deprecated/,
  ],
  [
    'no default route',
    () => new PlanHost().link('eth0', 2).address(2, '192.0.2.10/24'),
    'eth0 192.0.2.10: no default route',
    /^no default route through eth0$/,
  ],
  [
    'a link-local address',
    () => new PlanHost().link('eth0', 2).address(2, 'fe80::1/64', IPV6),
    'eth0 fe80::1: ignored',
    /link-local addresses are not used/,
  ],
  [
    'a link-local address alone: the interface is listed',
    () => new PlanHost().link('eth0', 2).address(2, 'fe80::1/64', IPV6),
    'eth0 -: no address',
    /^no usable address yet: fe80::1 \(link-local addresses are not used\)$/,
  ],
  [
    'a link-local address alone, without carrier: the interface is listed',
    () => new PlanHost().link('eth0', 2, { flags: 1 }).address(2, 'fe80::1/64', IPV6),
    'eth0 -: no carrier',
    /up and has no carrier/,
  ],
  [
    'a unique-local address',
    () => new PlanHost().link('eth0', 2).address(2, 'fd00::1/64', IPV6),
    'eth0 fd00::1: ignored',
    /addresses: all/,
  ],
];

describe('states and reasons', () => {
  test.each(STATES)('%s', (_, build, state, reason) => {
    const host = build().rules(ETH);
    const at = host.states.indexOf(state);
    expect(uplinkReason(host.look().uplinks[at]!)).toMatch(reason);
    expect(host.look().actions).toEqual([]);
  });

  test('an interface that a rule ignores is listed and left alone', () => {
    const host = plugged().rules([rule('eth*', { ignore: true })]);
    expect(host.states).toEqual(['eth0 -: ignored']);
    expect(host.settle()).toEqual([]);
  });

  test('an interface that no rule selects is not listed', () => {
    expect(plugged().rules([rule('wlan*')]).states).toEqual([]);
  });

  test('loopback needs a rule with link-local', () => {
    const host = new PlanHost().link('lo', 1, { loopback: true }).address(1, '127.0.0.1/8');
    expect(host.rules([rule('*')]).states).toEqual([]);
    expect(host.rules([rule('lo', { linkLocal: true })]).states).toEqual(['lo 127.0.0.1: no default route']);
  });
});

const plugged = (): PlanHost =>
  new PlanHost().link('eth0', 2).address(2, '192.0.2.10/24').default(2, '192.0.2.1').rules(ETH);

describe('an uplink comes up', () => {
  test('routes and policy rules first, then limits and endpoint', () => {
    const host = plugged();
    expect(host.settle()).toEqual([
      [
        'route add 192.0.2.0/24 dev eth0 table 86840002',
        'route add default via 192.0.2.1 dev eth0 table 86840002',
        'policy-rule add from 192.0.2.10 lookup main suppress_prefixlength 1 priority 8682',
        'policy-rule add from 192.0.2.10 lookup 86840002 priority 8684',
      ],
      ['limits set subflows 8', 'endpoint add 192.0.2.10 dev eth0 subflow id 1'],
    ]);
    expect(host.states).toEqual(['eth0 192.0.2.10: active']);
  });

  test('a dry run plans all of the next steps', () => {
    expect(plugged().look(true).uplinks[0]).toMatchObject({ state: 'verified' });
    expect(
      plugged()
        .look(true)
        .actions.map(({ kind }) => kind),
    ).toContain('endpoint add');
  });

  test('IPv6: the same order', () => {
    const host = new PlanHost()
      .link('eth0', 2)
      .address(2, '2001:db8::10/64', IPV6)
      .default(2, 'fe80::1')
      .rules(ETH);
    expect(host.settle()).toEqual([
      [
        'route add 2001:db8::/64 dev eth0 table 86840002',
        'route add default via fe80::1 dev eth0 table 86840002 -6',
        'policy-rule add from 2001:db8::10 lookup main suppress_prefixlength 1 priority 8682',
        'policy-rule add from 2001:db8::10 lookup 86840002 priority 8684',
      ],
      ['limits set subflows 8', 'endpoint add 2001:db8::10 dev eth0 subflow id 1'],
    ]);
  });

  test.each([
    [
      'without a gateway',
      (host: PlanHost) => host.default(2, null),
      'route add default dev eth0 table 86840002',
    ],
    [
      'by an on-link gateway',
      (host: PlanHost) => host.default(2, '203.0.113.1', { onlink: true }),
      'route add default via 203.0.113.1 dev eth0 table 86840002 onlink',
    ],
  ])('%s', (_, change, text) => {
    expect(change(plugged()).settle()[0]).toContain(text);
  });

  test('a point-to-point address: the local side is the endpoint, the peer the connected route', () => {
    const host = new PlanHost()
      .link('wwan0', 3, { pointToPoint: true })
      .address(3, '10.0.0.1/32', { peer: '10.0.0.2' });
    host.default(3, null).rules([rule('wwan*')]);
    const [first, second] = host.settle();
    expect(first![0]).toBe('route add 10.0.0.2/32 dev wwan0 table 86840003');
    expect(second!.at(-1)).toBe('endpoint add 10.0.0.1 dev wwan0 subflow id 1');
  });

  test('metrics of the original default route are copied', () => {
    const metrics = Buffer.from('0800020078050000', 'hex');
    const host = plugged().default(2, '192.0.2.1', { metrics });
    host.settle();
    expect(host.ownRoutes.find((each) => each.prefixLength === 0)!.metrics).toEqual(metrics);
  });

  test('routing: main only adds the endpoint', () => {
    const host = plugged().rules([rule('eth*', { routing: 'main' })]);
    expect(host.settle()).toEqual([
      ['limits set subflows 8', 'endpoint add 192.0.2.10 dev eth0 subflow id 1'],
    ]);
  });

  test('check-route: false needs no default route', () => {
    const host = new PlanHost()
      .link('eth0', 2)
      .address(2, '192.0.2.10/24')
      .rules([rule('eth*', { checkRoute: false })]);
    host.settle();
    expect(host.states).toEqual(['eth0 192.0.2.10: active']);
  });

  test('table: the given table is used', () => {
    const host = plugged().rules([rule('eth*', { table: 77 })]);
    expect(host.settle()[0]![1]).toBe('route add default via 192.0.2.1 dev eth0 table 77');
  });

  test('a gateway that changes is followed; the endpoint is not touched', () => {
    const host = plugged();
    host.settle();
    host.default(2, '192.0.2.254');
    expect(host.settle()).toEqual([
      [
        'route append default via 192.0.2.254 dev eth0 table 86840002',
        'route delete default via 192.0.2.1 dev eth0 table 86840002',
      ],
    ]);
  });

  test('a second pass does nothing', () => {
    const host = plugged();
    host.settle();
    expect(host.pass()).toEqual([]);
  });

  test('the same subnet on two links: each address uses its own link', () => {
    const host = plugged()
      .link('eth1', 3)
      .address(3, '192.0.2.20/24')
      .default(3, '192.0.2.1', { metric: 200 });
    expect(host.settle()[0]).toEqual(
      expect.arrayContaining([
        'policy-rule add from 192.0.2.10 lookup main suppress_prefixlength 24 priority 8680',
        'policy-rule add from 192.0.2.10 lookup 86840002 suppress_prefixlength 0 priority 8681',
        'policy-rule add from 192.0.2.20 lookup main suppress_prefixlength 24 priority 8680',
        'policy-rule add from 192.0.2.20 lookup 86840003 suppress_prefixlength 0 priority 8681',
      ]),
    );
  });

  test('a more specific subnet inside of another adds no policy rule', () => {
    const host = plugged().link('podman0', 3).address(3, '192.0.2.129/25');
    expect(
      host
        .settle()
        .flat()
        .filter((each) => each.startsWith('policy-rule')),
    ).toHaveLength(2);
  });

  test('the plan gives the expiry of a router-advertised default route', () => {
    const host = new PlanHost().link('eth0', 2).address(2, '2001:db8::10/64', IPV6).rules(ETH);
    expect(host.default(2, 'fe80::1', { expires: 90 }).look().expires).toBe(1_090_020);
    expect(host.default(2, 'fe80::1', { expires: -3 }).look().expires).toBe(1_000_020);
    expect(plugged().look().expires).toBeNull();
  });
});

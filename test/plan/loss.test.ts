/** An uplink that is lost: what is removed, what stays if it was the last, and its replacement. */
import { describe, expect, test } from 'vitest';
import type { Rule } from '../../src/rules/rule.ts';
import { rule, type PlanHost } from './build.ts';
import { GONE, RULES, settled, two } from './two.ts';

/** The ways in which a path is lost. */
const LOSSES: readonly (readonly [string, (host: PlanHost) => PlanHost, state: string])[] = [
  ['carrier lost', (host) => host.turn(2, 'no carrier'), 'no carrier'],
  ['link down', (host) => host.turn(2, 'down'), 'no carrier'],
  ['default route gone', (host) => host.withoutDefault(2), 'no default route'],
];

describe.each(LOSSES)('%s', (_, lose, state) => {
  test('with another active: endpoint, policy rules and routes are removed in this order', () => {
    const host = lose(settled());
    expect(host.settle()).toEqual([GONE]);
    expect(host.states).toContain(`eth0 192.0.2.10: ${state}`);
    expect(host.pass()).toEqual([]);
  });

  test('as the last path: everything stays unchanged until it is back', () => {
    const host = settled(two().withoutDefault(3));
    lose(host);
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
    expect(host.reason('192.0.2.10')).toMatch(/its endpoint stays until another IPv4 uplink is active/);
    host.turn(2, 'up').default(2, '192.0.2.1');
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: active');
  });

  test('as the last path: another is added before it is removed', () => {
    const host = settled(two().withoutDefault(3));
    lose(host);
    host.default(3, '10.0.0.1', { metric: 700 });
    const passes = host.settle();
    const all = passes.flat();
    const added = all.indexOf('endpoint add 10.0.0.5 dev wwan0 subflow,backup id 2');
    expect(added).toBeGreaterThan(-1);
    expect(all.indexOf(GONE[0]!)).toBeGreaterThan(added);
    expect(passes.at(-1)).toEqual(GONE);
  });
});

describe('a default route that is missing', () => {
  const others: [string, Partial<Rule>][] = [
    ['with a table of its own', {}],
    ['with routing: main', { routing: 'main' }],
  ];
  test.each(others)('for less than 300 ms changes nothing, %s', (_, words) => {
    const host = settled(two().rules([rule('eth*', words), rule('wwan*')])).withoutDefault(2);
    expect(host.pass()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: active');
    host.now += 299;
    expect(host.pass()).toEqual([]);
    host.default(2, '192.0.2.1');
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: active');
  });

  test('for 300 ms is lost; the plan gives the time of the next pass', () => {
    const host = settled().withoutDefault(2);
    host.now += 1_000;
    expect(host.look().expires).toBe(host.now + 300);
    host.now += 300;
    expect(host.pass()).toEqual(GONE);
    expect(host.look().expires).toBeNull();
  });

  test('delays changes of the endpoint', () => {
    const host = settled().withoutDefault(2);
    host.rules([rule('eth*', { flags: ['signal'] }), ...RULES.slice(1)]);
    expect(host.pass()).toEqual([]);
    host.default(2, '192.0.2.1');
    expect(host.pass()).toContain('endpoint delete 192.0.2.10 dev eth0 subflow id 1');
  });

  test('repeatedly: 300 ms each time', () => {
    const host = settled();
    for (let i = 0; i < 5; i++) {
      host.withoutDefault(2);
      expect(host.pass()).toEqual([]);
      host.now += 200;
      expect(host.pass()).toEqual([]);
      host.default(2, '192.0.2.1');
      expect(host.pass()).toEqual([]);
    }
  });

  test('and comes back through another gateway: the route is replaced', () => {
    const host = settled().withoutDefault(2);
    host.pass();
    host.default(2, '192.0.2.9');
    expect(host.settle().flat()).toEqual([
      'route append default via 192.0.2.9 dev eth0 table 86840002',
      'route delete default via 192.0.2.1 dev eth0 table 86840002',
    ]);
  });

  test('together with its copy: lost at once, since the link was down', () => {
    const host = settled().withoutDefault(2);
    host.ownRoutes = [];
    const done = host.pass().filter((each) => each.includes('192.0.2.'));
    expect(done).toEqual(GONE.slice(0, 3));
  });

  test('together with carrier or address: lost at once', () => {
    const carrier = settled().withoutDefault(2);
    carrier.pass();
    expect(carrier.turn(2, 'no carrier').pass()).toEqual(GONE);
    const address = settled().withoutDefault(2);
    address.pass();
    expect(address.withoutAddress('192.0.2.10').pass()).toEqual(GONE);
  });

  test('before the endpoint was added: lost at once', () => {
    const host = two();
    host.pass();
    host.withoutDefault(2);
    host.pass();
    expect(host.states).toContain('eth0 192.0.2.10: no default route');
  });
});

describe('a removed address', () => {
  test('with another active: its endpoint is removed', () => {
    expect(settled().withoutAddress('192.0.2.10').pass()).toEqual(GONE);
  });

  test('as the last path: its endpoint lingers, and the reason says why', () => {
    const host = settled(two().withoutDefault(3)).withoutAddress('192.0.2.10');
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
    expect(host.reason('192.0.2.10')).toMatch(/^the address is gone/);
  });

  test('removed with its interface: its endpoint lingers, named by ifindex', () => {
    const host = settled(two().withoutDefault(3))
      .withoutAddress('192.0.2.10')
      .withoutDefault(2)
      .turn(2, 'gone');
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('if2 192.0.2.10: lingering');
  });

  test('IPv4 and IPv6 linger independently', () => {
    const host = settled(two().address(2, '2001:db8::10/64').default(2, 'fe80::1'));
    expect(host.endpoints).toHaveLength(3);
    host.withoutDefault(2, 'ipv6');
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 2001:db8::10: lingering');
  });
});

describe('the last path, no longer an uplink although its address works', () => {
  const LEFT_OUT: [string, (host: PlanHost) => void][] = [
    ['its rule was removed', (host) => void host.rules([rule('wwan*')])],
    ['its rule says ignore', (host) => void host.rules([rule('eth*', { ignore: true })])],
    [
      'its address is deprecated',
      (host) => {
        host.addresses = host.addresses.map((each) => ({ ...each, flags: each.flags | 0x20 }));
      },
    ],
  ];

  test.each(LEFT_OUT)('%s: keeps its endpoint and follows the default route of its link', (_, leaveOut) => {
    const host = settled(two().withoutDefault(3));
    host.connections = [['192.0.2.10']];
    leaveOut(host);
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
    host.default(2, '192.0.2.9');
    expect(host.settle().flat()).toEqual([
      'route append default via 192.0.2.9 dev eth0 table 86840002',
      'route delete default via 192.0.2.1 dev eth0 table 86840002',
    ]);
    // Without a default route it is lost, and its routes stay until it is back.
    host.withoutDefault(2);
    expect(host.settle()).toEqual([]);
  });

  test('its address moved to another link: routes and policy rules are removed', () => {
    const host = settled(two().withoutDefault(3)).withoutAddress('192.0.2.10').withoutDefault(2);
    host.link('br0', 9).address(9, '192.0.2.10/24').default(9, '192.0.2.1');
    expect(host.settle().flat()).toEqual(GONE.slice(1));
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
  });
});

describe('a replaced address', () => {
  const replaced = (host: PlanHost): PlanHost =>
    host.withoutAddress('192.0.2.10').address(2, '192.0.2.11/24');

  test('on the only uplink: added before removed', () => {
    const all = replaced(settled(two().withoutDefault(3)))
      .settle()
      .flat();
    const added = all.findIndex((each) => each.startsWith('endpoint add 192.0.2.11'));
    expect(added).toBeGreaterThan(-1);
    expect(all.indexOf(GONE[0]!)).toBeGreaterThan(added);
  });

  test('by deprecation: added before removed, also beside another uplink', () => {
    const host = settled();
    host.addresses = host.addresses.map((each) =>
      each.address === '192.0.2.10' ? { ...each, flags: each.flags | 0x20 } : each,
    );
    const all = host.address(2, '192.0.2.11/24').settle().flat();
    const added = all.findIndex((each) => each.startsWith('endpoint add 192.0.2.11'));
    expect(added).toBeGreaterThan(-1);
    expect(all.indexOf(GONE[0]!)).toBeGreaterThan(added);
  });

  test('by another link with the same address: the endpoint moves to it', () => {
    const host = settled(two().withoutDefault(3))
      .withoutAddress('192.0.2.10')
      .withoutDefault(2)
      .turn(2, 'down');
    host.link('eth1', 4).address(4, '192.0.2.10/24').default(4, '192.0.2.1');
    host.settle();
    expect(host.endpoints.map(({ address, ifindex }) => [address, ifindex])).toEqual([['192.0.2.10', 4]]);
    expect(host.states).toContain('eth1 192.0.2.10: active');
  });
});

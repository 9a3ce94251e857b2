/** An uplink that is lost: what is removed, what stays if it was the last, and its replacement. */
import { describe, expect, test } from 'vitest';
import { applyOutcome, retryAll } from '../../src/actions/transitions.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import { actionText } from '../../src/actions/action.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { Host, rule } from './build.ts';
import { RULES, settled, two } from './two.ts';

const GONE = [
  'endpoint delete 192.0.2.10 dev eth0 subflow id 1',
  'policy-rule delete from 192.0.2.10 lookup main suppress_prefixlength 0 priority 8682',
  'policy-rule delete from 192.0.2.10 lookup 86840002 priority 8684',
  'route delete 192.0.2.0/24 dev eth0 table 86840002',
  'route delete default via 192.0.2.1 dev eth0 table 86840002',
];

/** The ways in which a path is lost. */
const LOSSES: readonly (readonly [string, (host: Host) => Host, state: string])[] = [
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
  const LEFT_OUT: [string, (host: Host) => void][] = [
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
  const replaced = (host: Host): Host => host.withoutAddress('192.0.2.10').address(2, '192.0.2.11/24');

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

describe('a reload', () => {
  test('that ignores the interface removes its objects if another is active', () => {
    const host = settled().rules([
      rule('eth*', { ignore: true }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.pass()).toEqual(GONE);
  });

  test('that turns backup off only changes the endpoint', () => {
    const host = settled().rules([rule('eth*'), rule('wwan*')]);
    expect(host.settle()).toEqual([['endpoint change 10.0.0.5 dev wwan0 subflow id 2']]);
  });

  test('that turns fullmesh on changes the endpoint', () => {
    const host = settled().rules([
      rule('eth*', { flags: ['subflow', 'fullmesh'] }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.settle()).toEqual([
      ['limits set add_addr_accepted 8', 'endpoint change 192.0.2.10 dev eth0 subflow,fullmesh id 1'],
    ]);
  });

  test('from subflow to signal deletes and adds the endpoint (no other flag can be changed)', () => {
    const host = settled().rules([
      rule('eth*', { flags: ['signal'] }),
      rule('wwan*', { flags: ['subflow', 'backup'] }),
    ]);
    expect(host.settle().flat()).toEqual([
      'endpoint delete 192.0.2.10 dev eth0 subflow id 1',
      'endpoint add 192.0.2.10 dev eth0 signal id 1',
    ]);
  });

  test('to another port deletes and adds the endpoint', () => {
    const signal = (port: number) => [rule('eth*', { flags: ['signal'], port })];
    const host = settled(two().rules(signal(4433))).rules(signal(4434));
    expect(host.settle().flat()).toEqual([
      'endpoint delete 192.0.2.10 port 4433 dev eth0 signal id 1',
      'endpoint add 192.0.2.10 port 4434 dev eth0 signal id 1',
    ]);
  });

  test.each([
    ['EEXIST', 17, 'too many addresses or duplicate one', /until the next try: .*EEXIST/],
    ['EADDRINUSE', 98, undefined, /until the next reload: .*EADDRINUSE/],
  ])('refused with %s leaves the objects in place', (_, errno, kernelText, reason) => {
    const signal = (port: number) => [rule('eth*', { flags: ['signal'], port })];
    const host = settled(two().rules(signal(4433))).rules(signal(4434));
    const before = host.state;
    const add = host.look().actions.find(({ kind }) => kind === 'endpoint add')!;
    const error = new NetlinkError({ operation: actionText(add), errno, kernelText });
    const { failures } = applyOutcome(before, { action: add, error, putBack: true });
    host.state = { ...before, failures };
    expect(host.settle()).toEqual([]);
    expect(host.reason('192.0.2.10')).toMatch(reason);
    host.state = retryAll(host.state);
    expect(host.settle()).toHaveLength(errno === 17 ? 1 : 0);
  });

  test('that changes nothing does nothing', () => {
    expect(settled().rules(two().configuration.rules).settle()).toEqual([]);
  });
});

describe('a removed rule', () => {
  const removed = (host = settled()): Host => host.rules([rule('wwan*', { flags: ['subflow', 'backup'] })]);

  test('without an open connection: all objects are removed, also of the last path', () => {
    expect(removed().pass()).toEqual(GONE);
    expect(
      removed(settled(two().withoutDefault(3)))
        .pass()
        .slice(0, GONE.length),
    ).toEqual(GONE);
  });

  test('a connection also uses another address: all objects are removed', () => {
    const host = removed();
    host.connections = [['192.0.2.10', '10.0.0.5'], ['10.0.0.5']];
    expect(host.pass()).toEqual(GONE);
  });

  test('would cut connections: lingers until they end; the reason counts them', () => {
    const host = removed();
    host.connections = [['192.0.2.10'], ['192.0.2.10', '192.0.2.10'], ['10.0.0.5']];
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: lingering');
    expect(host.reason('192.0.2.10')).toMatch(/2 open connections .*: multihomed endpoint delete id 1$/);
    host.connections = [['10.0.0.5']];
    expect(host.pass()).toEqual(GONE);
  });

  test('with another rule: the last of two endpoints of a connection stays', () => {
    const host = settled().rules([]);
    host.connections = [['192.0.2.10', '10.0.0.5']];
    host.pass();
    // The kernel closed its subflow with it.
    host.connections = [['10.0.0.5']];
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.0.0.5']);
  });

  test('keeps its slot while it would cut a connection', () => {
    const host = settled(two().withoutDefault(3));
    host.connections = [['192.0.2.10']];
    host.room = 1;
    removed(host).default(3, '10.0.0.1');
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['192.0.2.10']);
  });
});

/** Slots, addresses in conflict, and limits. */
import { describe, expect, test } from 'vitest';
import { PlanHost, rule } from './build.ts';
import { settled, two } from './two.ts';

/** A host with `count` uplinks, eth0 with the best metric. */
function many(count: number): PlanHost {
  const host = new PlanHost().rules([rule('eth*')]);
  for (let i = 0; i < count; i++)
    host
      .link(`eth${i}`, 10 + i)
      .address(10 + i, `10.${i}.0.5/24`)
      .default(10 + i, `10.${i}.0.1`, { metric: 100 + i });
  return host;
}

describe('slots', () => {
  test('rule order wins over route metric', () => {
    const host = two().rules([rule('wwan*'), rule('eth*')]);
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.0.0.5', '192.0.2.10']);
  });

  test('route metric decides within a rule', () => {
    const host = many(3).default(12, '10.2.0.1', { metric: 1 });
    host.settle();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.2.0.5', '10.0.0.5', '10.1.0.5']);
  });

  test('a number of slots that is too low is corrected by the endpoints in place', () => {
    const host = many(8);
    host.state = { ...host.state, slots: 7 };
    for (let i = 1; i <= 8; i++) host.endpoint(`198.51.100.${i}`, 100 + i);
    host.settle();
    for (let i = 1; i <= 8; i++) host.withoutEndpoint(100 + i);
    host.settle();
    expect(host.endpoints).toHaveLength(8);
  });

  test('no free slot: the reason says so; the next free slot is used', () => {
    const host = settled(many(9));
    expect(host.states.at(-1)).toBe('eth8 10.8.0.5: no free slot');
    expect(host.reason('10.8.0.5')).toMatch(/maximum of 8 endpoints is reached/);
    host.turn(12, 'no carrier').settle();
    expect(host.states).toContain('eth8 10.8.0.5: active');
  });

  test('foreign endpoints count and are named in the reason', () => {
    const host = many(7);
    for (let i = 0; i < 3; i++) host.endpoint(`198.51.100.${i + 1}`, 100 + i);
    host.settle();
    expect(host.reason('10.6.0.5')).toMatch(/3 of other programs/);
    expect(host.endpoints.filter(({ id }) => id >= 100)).toHaveLength(3);
    host.withoutEndpoint(100).settle();
    expect(host.states).toContain('eth5 10.5.0.5: active');
  });

  test('an endpoint in place keeps its slot', () => {
    const host = settled(many(8))
      .link('eth9', 30)
      .address(30, '10.9.0.5/24')
      .default(30, '10.9.0.1', { metric: 1 });
    host.settle();
    expect(host.states).toContain('eth9 10.9.0.5: no free slot');
    expect(host.endpoints).toHaveLength(8);
  });

  test('a lingering endpoint frees its slot for its successor', () => {
    const host = settled(many(1));
    for (let i = 0; i < 7; i++) host.endpoint(`198.51.100.${i + 1}`, 100 + i);
    host.turn(10, 'no carrier').link('eth9', 30).address(30, '10.9.0.5/24').default(30, '10.9.0.1');
    host.settle();
    expect(host.states).toContain('eth9 10.9.0.5: active');
  });

  test('ids continue after the last one and wrap at 255', () => {
    const host = many(2);
    host.state = { ...host.state, lastId: 254 };
    host.endpoint('198.51.100.1', 1);
    host.settle();
    expect(host.endpoints.map(({ id }) => id)).toEqual([1, 255, 2]);
  });

  test('per-interface: one address by default, more if the rule says so', () => {
    const host = (perInterface: number): PlanHost =>
      two()
        .address(2, '192.0.2.11/24', { flags: 0x81 })
        .rules([rule('eth*', { perInterface })]);
    expect(settled(host(1)).states).toContain('eth0 192.0.2.11: ignored');
    expect(settled(host(2)).states).toContain('eth0 192.0.2.11: active');
  });
});

describe('conflicts', () => {
  test('a foreign endpoint on the address is named and left alone', () => {
    const host = two().endpoint('192.0.2.10', 9, ['signal']).withoutDefault(3);
    expect(host.settle()).toEqual([]);
    expect(host.states).toContain('eth0 192.0.2.10: conflict');
    expect(host.reason('192.0.2.10')).toMatch(/endpoint 9 \(signal\).*multihomed endpoint delete id 9/);
  });

  test('a foreign endpoint on the IPv4-mapped address conflicts too', () => {
    expect(two().endpoint('::ffff:192.0.2.10', 9).states).toContain('eth0 192.0.2.10: conflict');
  });

  test('an implicit endpoint is replaced', () => {
    const host = two().endpoint('192.0.2.10', 9, ['implicit']).withoutDefault(3);
    expect(host.settle().flat()).toContain('endpoint add 192.0.2.10 dev eth0 subflow id 9');
  });

  test('the uplink comes up when the foreign endpoint is deleted', () => {
    const host = settled(two().endpoint('192.0.2.10', 9)).withoutEndpoint(9);
    host.settle();
    expect(host.states).toContain('eth0 192.0.2.10: active');
  });

  test('a foreign policy rule that decides first', () => {
    const host = settled();
    host.policyRules.push({
      ...host.policyRules[0]!,
      priority: 8679,
      table: 500,
      protocol: 3,
      suppressPrefixLength: null,
    });
    host.ways.set('192.0.2.10', { kind: 'leaves', ifindex: [3], gateway: '10.0.0.1', table: 500 });
    expect(host.states).toContain('eth0 192.0.2.10: conflict');
    expect(host.reason('192.0.2.10')).toMatch(
      /^policy rule 8679 sends packets from this address through wwan0 \(table 500\)/,
    );
    host.pass();
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.0.0.5']);
    expect(
      host.policyRules.filter(({ priority, source }) => priority === 8684 && source === '192.0.2.10'),
    ).toHaveLength(1);
  });

  test('a split default keeps its traffic and is no conflict', () => {
    const host = settled();
    host.ways.set('192.0.2.10', { kind: 'specific' });
    expect(host.states).toContain('eth0 192.0.2.10: active');
  });

  test('two rules with one table and two gateways: the second is in conflict', () => {
    const host = two().rules([rule('*', { table: 77 })]);
    host.settle();
    expect(host.states).toContain('wwan0 10.0.0.5: conflict');
    expect(host.reason('10.0.0.5')).toMatch(/table 77 .* give the rule another table/);
  });
});

describe('limits', () => {
  const last = (host: PlanHost): string | undefined =>
    host
      .settle()
      .flat()
      .find((each) => each.startsWith('limits'));

  test.each([
    ['auto', undefined, 'limits set subflows 8'],
    ['leave', 'leave', undefined],
    ['numbers', { subflows: 5, addAddrAccepted: 3 }, 'limits set add_addr_accepted 3 subflows 5'],
    ['one number', { subflows: 1, addAddrAccepted: null }, 'limits set subflows 1'],
  ] as const)('%s', (_, setting, text) => {
    expect(last(two().rules(two().configuration.rules, setting ?? 'auto'))).toBe(text);
  });

  test.each([
    [['signal'], 'limits set subflows 8'],
    [['subflow', 'backup'], 'limits set subflows 8'],
    [['subflow', 'fullmesh'], 'limits set add_addr_accepted 8 subflows 8'],
    [['laminar'], 'limits set add_addr_accepted 8 subflows 8'],
  ] as const)('auto raises add_addr_accepted only for fullmesh and laminar: %s', (flags, text) => {
    expect(last(two().rules([rule('eth*', { flags: [...flags] })]))).toBe(text);
  });

  test('auto raises add_addr_accepted before the first fullmesh endpoint and restores it with the last', () => {
    const host = settled();
    expect(last(host.rules([rule('*', { flags: ['subflow', 'fullmesh'] })]))).toBe(
      'limits set add_addr_accepted 8',
    );
    expect(host.limits).toEqual({ subflows: 8, addAddrAccepted: 8 });
    expect(last(host.rules([rule('*')]))).toBe('limits set add_addr_accepted 0');
  });

  test('auto never lowers what an administrator set', () => {
    const host = two();
    host.state = { ...host.state, limitMax: 6 };
    host.limits = { subflows: 8, addAddrAccepted: 8 };
    expect(last(host)).toBeUndefined();
  });

  test('are restored with the last endpoint', () => {
    const host = settled();
    host.endpoints = [];
    host.turn(2, 'down').turn(3, 'down');
    expect(last(host)).toBe('limits set subflows 2');
  });

  test('are kept if an administrator set the original values again', () => {
    const host = settled();
    host.limits = { subflows: 2, addAddrAccepted: 0 };
    expect(last(host)).toBeUndefined();
  });

  test('are raised by the next daemon if the journal does not say whether they were', () => {
    const host = settled();
    const { subflows } = host.state.raised;
    expect(subflows!.granted).toBe(true);
    const asked = { ...host.state.raised, subflows: { ...subflows!, granted: false } };
    host.state = { ...host.state, raised: asked };
    host.limits = { subflows: 2, addAddrAccepted: 0 };
    expect(last(host)).toBe('limits set subflows 8');
  });

  test('are kept if an administrator changed them meanwhile', () => {
    const host = settled(two().rules([rule('*', { flags: ['subflow', 'fullmesh'] })]));
    host.limits = { subflows: 4, addAddrAccepted: 8 };
    expect(last(host)).toBeUndefined();
    host.endpoints = [];
    host.turn(2, 'down').turn(3, 'down');
    expect(last(host)).toBe('limits set add_addr_accepted 0');
  });

  test('stay raised while an endpoint lingers', () => {
    const host = settled(two().withoutDefault(3)).turn(2, 'no carrier');
    expect(last(host)).toBeUndefined();
  });
});

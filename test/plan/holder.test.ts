/** An address that several links have: which link keeps it. */
import { describe, expect, test } from 'vitest';
import { rule, type PlanHost } from './build.ts';
import { settled, two } from './two.ts';

const A = '192.0.2.10';
const PERMANENT = 0x80;
const TENTATIVE = 0x40;

/** Adds a second link with the address of eth0: `eth1`, selected by eth0's rule, or another, selected by none. */
const withSameAddress = (host: PlanHost, name: string, created: number, flags = PERMANENT): PlanHost =>
  host.link(name, 4).address(4, `${A}/24`, { created, flags });

const statesOf = (host: PlanHost): string[] => host.states.filter((each) => each.includes(A));

describe('two uplinks with one address', () => {
  test('the uplink in use keeps it, with any metric and age of the other', () => {
    const host = withSameAddress(settled(), 'eth1', -1).default(4, '192.0.2.1', { metric: 50 });
    expect(host.settle()).toEqual([]);
    expect(statesOf(host)).toEqual([`eth1 ${A}: conflict`, `eth0 ${A}: active`]);
    expect(host.reason(A)).toMatch(/^eth0 had the same address first/);
  });

  test('at first the better route metric wins, then the older address', () => {
    for (const [metric, created, holder] of [
      [50, 9, 'eth1'],
      [100, -1, 'eth1'],
      [100, 9, 'eth0'],
      [700, -1, 'eth0'],
    ] as const) {
      const host = settled(withSameAddress(two(), 'eth1', created).default(4, '192.0.2.1', { metric }));
      expect(statesOf(host)).toContain(`${holder} ${A}: active`);
    }
  });

  test.for(['no carrier', 'down', 'gone'] as const)('%s: the other takes over, and keeps it', (to) => {
    const host = withSameAddress(settled(), 'eth1', 9).default(4, '192.0.2.1');
    host.turn(2, to).settle();
    expect(host.endpoints.map(({ address, ifindex }) => [address, ifindex])).toContainEqual([A, 4]);
    host.link('eth0', 2).settle();
    expect(statesOf(host)).toEqual([`eth0 ${A}: conflict`, `eth1 ${A}: active`]);
  });

  test('a lost default route does not move the address', () => {
    const host = withSameAddress(settled(), 'eth1', 9).default(4, '192.0.2.1').withoutDefault(2);
    host.settle();
    expect(host.policyRules.filter(({ source }) => source === A)).toEqual([]);
    expect(statesOf(host)).toContain(`eth1 ${A}: conflict`);
  });

  test('the subnet is routed by main: neither has policy rules for it', () => {
    const host = settled(withSameAddress(two(), 'eth1', 9).default(4, '192.0.2.1', { metric: 700 }));
    expect(host.policyRules.filter(({ source }) => source === A).map(({ priority }) => priority)).toEqual([
      8682, 8684,
    ]);
  });
});

describe('an uplink with the address of a link that no rule selects', () => {
  test.for([
    ['older', -1],
    ['as old', 0],
  ] as const)('%s: nothing is added', ([, created]) => {
    const host = settled(withSameAddress(two(), 'tun0', created));
    expect(statesOf(host)).toEqual([`eth0 ${A}: conflict`]);
    expect(host.reason(A)).toMatch(/^tun0 has the same address; /);
    expect(host.policyRules.filter(({ source }) => source === A)).toEqual([]);
  });

  test('ignored by a rule: nothing is added', () => {
    const host = withSameAddress(two().rules([rule('eth0'), rule('*', { ignore: true })]), 'eth1', -1);
    expect(statesOf(settled(host))).toEqual([`eth0 ${A}: conflict`]);
  });

  test('younger: the uplink keeps it', () => {
    expect(statesOf(settled(withSameAddress(two(), 'tun0', 9)))).toEqual([`eth0 ${A}: active`]);
    const host = withSameAddress(settled(), 'tun0', 9);
    expect([host.settle(), statesOf(host)]).toEqual([[], [`eth0 ${A}: active`]]);
  });

  test('younger, but packets from the address already use it: nothing is added', () => {
    const host = withSameAddress(two(), 'tun0', 9);
    host.ways.set(A, { kind: 'leaves', ifindex: [4], gateway: null, table: 254 });
    expect(statesOf(settled(host))).toEqual([`eth0 ${A}: conflict`]);
  });

  test('older, with objects of multihomed in place: they are removed', () => {
    const host = settled();
    withSameAddress(host, 'tun0', -1).settle();
    expect(host.policyRules.filter(({ source }) => source === A)).toEqual([]);
    expect(host.endpoints.map(({ address }) => address)).toEqual(['10.0.0.5']);
  });

  test('down or in duplicate address detection: the uplink is active', () => {
    expect(statesOf(settled(withSameAddress(two(), 'tun0', -1).turn(4, 'down')))).toEqual([
      `eth0 ${A}: active`,
    ]);
    expect(statesOf(settled(withSameAddress(two(), 'tun0', -1, TENTATIVE)))).toEqual([`eth0 ${A}: active`]);
  });

  test('lingering: no policy rules if another link has the address now', () => {
    const host = settled(two().withoutDefault(3));
    withSameAddress(host, 'tun0', 9).turn(2, 'no carrier').settle();
    expect(statesOf(host)).toEqual([`eth0 ${A}: lingering`]);
    expect(host.policyRules).toEqual([]);
  });
});

test('the same link-local address on two links is no conflict', () => {
  const rules = [rule('eth0', { linkLocal: true, families: ['ipv6'] })];
  const host = two().rules(rules).link('tun0', 4);
  for (const [index, created] of [
    [4, 0],
    [2, 5],
  ] as const)
    host.address(index, 'fe80::2/64', { created, scope: 253 });
  host.default(2, 'fe80::1');
  expect(settled(host).states).toContain('eth0 fe80::2: active');
});

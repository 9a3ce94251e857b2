/** `tunnel: bypass`, and subflows that were open before a split tunnel came up: values in, policy rules out. */
import { describe, expect, test } from 'vitest';
import { pastTunnel, tunnelTables } from '../../src/plan/bypass.ts';
import { needsConnections } from '../../src/plan/withdraw.ts';
import { sparingRules } from '../../src/plan/spare.ts';
import type { BoundSocket, Snapshot } from '../../src/snapshot/snapshot.ts';
import { FR_ACT_GOTO, tcpSelectors } from '../../src/netlink/route/policy-rule.ts';
import { ADDRESS, LINK, POLICY_RULE, ROUTE } from '../support/objects.ts';
import { PlanHost, rule } from './build.ts';
import { settled, two } from './two.ts';

const address = { ...ADDRESS, ifindex: 2, address: '192.0.2.10' };
const [subnet, start] = [{ destination: '10.8.0.0', prefixLength: 16 }, 8682];
const host = new PlanHost()
  .rules([rule('eth*')])
  .link('eth0', 2)
  .link('wg0', 9);

describe('bypass of a full tunnel', () => {
  const tunnelRule = { ...POLICY_RULE, priority: 100, table: 51820 };
  const tunnel = { link: null, rule: tunnelRule, table: 51820, prefixLength: 0 };
  const selected = (how: 'bypass' | 'respect') => ({
    link: host.links.get(2)!,
    rule: rule('eth*', { tunnel: how }),
    rank: 0,
  });
  const past = (how: 'bypass' | 'respect', next: number | null): unknown[] => {
    const policyRules = [tunnelRule, ...(next === null ? [] : [{ ...POLICY_RULE, priority: next }])];
    const snapshot: Snapshot = { ...host.snapshot, policyRules };
    return pastTunnel({ family: 'ipv4', address, tunnel, selected: selected(how) }, start, snapshot);
  };

  test.each([
    ['the host’s next rule', 200, 200],
    ['multihomed’s rules, if the next one comes after them', 9000, start],
    ['multihomed’s rules, if there is no other', null, start],
  ])('packets continue at %s', (_, next, target) => {
    expect(past('bypass', next)).toEqual([
      expect.objectContaining({ source: '192.0.2.10', priority: 99, action: FR_ACT_GOTO, goto: target }),
    ]);
  });

  test('no policy rule if the uplink respects the tunnel', () => expect(past('respect', 200)).toEqual([]));

  test.each([
    ['bypass', false],
    ['respect', true],
  ] as const)('with %s the plan depends on open connections: %s', (how, depends) => {
    const rules = [rule('eth*', { tunnel: how })];
    const { snapshot, state } = settled(two().rules(rules));
    const egress = {
      kind: 'route',
      ifindexes: [9],
      table: 51820,
      prefixLength: 0,
      rule: tunnelRule,
    } as const;
    const wg0 = { ...LINK, index: 9, name: 'wg0' };
    const tunneled: Snapshot = {
      ...snapshot,
      links: new Map([...snapshot.links, [9, wg0]]),
      egress: { ipv4: egress, ipv6: null },
    };
    expect(needsConnections(tunneled, rules, state)).toBe(depends);
  });

  test('its table is read only for routes that are more specific than its own', () => {
    const longest = new Map([[51820, 0]]);
    const routes = (...lengths: number[]) =>
      new Map([[51820, lengths.map((prefixLength) => ({ ...ROUTE, table: 51820, prefixLength }))]]);
    expect(tunnelTables(tunnel, routes(0))).toEqual({ specific: [], longest });
    expect(tunnelTables(tunnel, routes(0, 16))).toEqual({ specific: [51820], longest });
  });
});

describe('sockets outside a split tunnel', () => {
  const subflow: BoundSocket = {
    ...{ ifindex: 2, address: '192.0.2.10', port: 40_000, remote: '10.8.1.1', locals: ['192.0.2.10'] },
  };
  const spared = (boundSockets: readonly BoundSocket[] | undefined, placed = [POLICY_RULE]) => {
    const snapshot = {
      ...host.snapshot,
      ...(boundSockets ? { boundSockets } : {}),
      addresses: [address, { ...ADDRESS, ifindex: 9, address: '10.8.0.2' }],
      tunnelRoutes: [{ ...ROUTE, hops: [{ ifindex: 9, gateway: null, onlink: false, dead: false }] }],
    } as Snapshot;
    return sparingRules({ family: 'ipv4', address, table: 77 }, [subnet], snapshot, placed, 8680);
  };
  const selectors = tcpSelectors({ destination: '10.8.1.1', prefixLength: 32 }, 40_000);

  test('an open subflow has a rule by its peer and port, into the table of its address', () =>
    expect(spared([subflow])).toEqual([
      expect.objectContaining({ source: '192.0.2.10', priority: 8680, table: 77, selectors }),
    ]));

  test.each<[string, Partial<BoundSocket>]>([
    ['of a connection that began inside the tunnel', { locals: ['10.8.0.2', '192.0.2.10'] }],
    ['to a peer outside of the tunnel’s networks', { remote: '203.0.113.9' }],
    ['of another address', { address: '192.0.2.11' }],
    ['of another link', { ifindex: 3 }],
  ])('a subflow %s has none', (_, words) => expect(spared([{ ...subflow, ...words }])).toEqual([]));

  test('while it is not known which subflows are open, the rules stay', () => {
    const placed = { ...POLICY_RULE, protocol: 86, priority: 8680, table: 77, selectors };
    expect(spared(undefined, [POLICY_RULE, placed])).toEqual([
      expect.objectContaining({ table: 77, selectors }),
    ]);
  });
});

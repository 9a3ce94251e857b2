/** The operations on both kernels as plain values, and generators of histories for fast-check. */
import fc from 'fast-check';
import type { Family } from '../../../src/netlink/ip.ts';

export const SLOTS = 4;

export interface RouteOperation {
  readonly kind: 'route add' | 'route replace' | 'route append' | 'route delete';
  readonly slot: number;
  readonly family: Family;
  readonly destination: number;
  readonly gateway: number;
  readonly metric: number;
  readonly table: number;
  readonly protocol: number;
  readonly source: number;
}

export interface RuleOperation {
  readonly kind: 'rule add' | 'rule delete';
  readonly family: Family;
  readonly source: number;
  readonly priority: number;
  readonly table: number;
  readonly suppress: boolean;
  readonly exclusive: boolean;
}

export type Operation =
  | { readonly kind: 'up' | 'down' | 'plug' | 'unplug' | 'recreate'; readonly slot: number }
  | { readonly kind: 'rename'; readonly slot: number; readonly name: number }
  | {
      readonly kind: 'address add' | 'address delete';
      readonly slot: number;
      readonly which: number;
      readonly deprecated: boolean;
    }
  | RouteOperation
  | RuleOperation
  | {
      readonly kind: 'endpoint add';
      readonly address: number;
      readonly id: number;
      readonly slot: number;
      readonly flags: number;
    }
  /** An existing one; each bit of `loose` omits an attribute of it. */
  | {
      readonly kind: 'existing route delete' | 'existing rule delete';
      readonly nth: number;
      readonly loose: number;
    }
  | {
      readonly kind: 'route multipath';
      readonly slots: readonly [number, number];
      readonly family: Family;
      readonly gateway: number;
      readonly metric: number;
      readonly table: number;
    }
  | {
      readonly kind: 'nexthop add' | 'nexthop delete' | 'nexthop route';
      readonly slot: number;
      readonly family: Family;
      readonly gateway: number;
      readonly metric: number;
    }
  | { readonly kind: 'endpoint delete'; readonly id: number }
  | { readonly kind: 'endpoint change'; readonly id: number; readonly flags: number }
  | { readonly kind: 'limits'; readonly subflows: number; readonly addAddrAccepted: number };

/** The first operations of each history: every link is up with two addresses, so that routes can be added. */
export const OPENING: readonly Operation[] = Array.from({ length: SLOTS }, (_, slot): Operation[] => [
  { kind: 'up', slot },
  { kind: 'address add', slot, which: 0, deprecated: false },
  { kind: 'address add', slot, which: 5, deprecated: false },
]).flat();

const slot = fc.nat(SLOTS - 1);
const family = fc.constantFrom<Family>('ipv4', 'ipv6');
const endpoint = fc.constantFrom(1, 2, 3, 7, 9);

export const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('up', 'up', 'down', 'plug', 'plug', 'unplug'), slot }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recreate'), slot }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('existing route delete', 'existing rule delete'),
      nth: fc.nat(20),
      loose: fc.nat(15),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('route multipath'),
      slots: fc.constantFrom([0, 1], [1, 2], [3, 0]),
      family,
      gateway: fc.nat(1),
      metric: fc.constantFrom(0, 100),
      table: fc.constantFrom(254, 254, 77),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('nexthop add', 'nexthop add', 'nexthop delete', 'nexthop route', 'nexthop route'),
      slot,
      family,
      gateway: fc.nat(3),
      metric: fc.constantFrom(0, 100),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename'), slot, name: fc.nat(5) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('address add', 'address add', 'address delete'),
      slot,
      which: fc.nat(7),
      deprecated: fc.boolean(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constantFrom('route add', 'route add', 'route replace', 'route append', 'route delete'),
      slot,
      family,
      destination: fc.nat(3),
      gateway: fc.nat(4),
      metric: fc.constantFrom(0, 100, 1024),
      table: fc.constantFrom(254, 77, 86_840_010),
      protocol: fc.constantFrom(86, 16),
      source: fc.constantFrom(-1, -1, 0, 3),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('rule add', 'rule add', 'rule delete'),
      family,
      source: fc.integer({ min: -1, max: 7 }),
      priority: fc.constantFrom(-1, 100, 8682, 8684),
      table: fc.constantFrom(254, 77, 86_840_010),
      suppress: fc.boolean(),
      exclusive: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.oneof(
      fc.record({
        kind: fc.constant('endpoint add'),
        address: fc.nat(11),
        id: fc.constantFrom(0, 0, 1, 2, 3, 255),
        slot,
        flags: endpoint,
      }),
      fc.record({ kind: fc.constant('endpoint delete'), id: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 255) }),
      fc.record({
        kind: fc.constant('endpoint change'),
        id: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7),
        flags: fc.constantFrom(0, 4, 8, 12),
      }),
      fc.record({ kind: fc.constant('limits'), subflows: fc.nat(9), addAddrAccepted: fc.nat(9) }),
    ),
  },
) as fc.Arbitrary<Operation>;

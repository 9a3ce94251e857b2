/** What is done to both kernels: plain values, and how fast-check makes histories of them. */
import fc from 'fast-check';
import type { Family } from '../../../src/netlink/ip.ts';

export const SLOTS = 4;

export type Deed =
  | { readonly deed: 'up' | 'down' | 'plug' | 'unplug' | 'recreate'; readonly slot: number }
  | { readonly deed: 'rename'; readonly slot: number; readonly name: number }
  | {
      readonly deed: 'address add' | 'address delete';
      readonly slot: number;
      readonly which: number;
      readonly deprecated: boolean;
    }
  | {
      readonly deed: 'route add' | 'route replace' | 'route append' | 'route delete';
      readonly slot: number;
      readonly family: Family;
      readonly destination: number;
      readonly gateway: number;
      readonly metric: number;
      readonly table: number;
      readonly protocol: number;
      readonly source: number;
    }
  | {
      readonly deed: 'rule add' | 'rule delete';
      readonly family: Family;
      readonly source: number;
      readonly priority: number;
      readonly table: number;
      readonly suppress: boolean;
      readonly exclusive: boolean;
    }
  | {
      readonly deed: 'endpoint add';
      readonly address: number;
      readonly id: number;
      readonly slot: number;
      readonly flags: number;
    }
  | { readonly deed: 'endpoint delete'; readonly id: number }
  | { readonly deed: 'endpoint change'; readonly id: number; readonly flags: number }
  | { readonly deed: 'limits'; readonly subflows: number; readonly addAddrAccepted: number };

const slot = fc.nat(SLOTS - 1);
const family = fc.constantFrom<Family>('ipv4', 'ipv6');
const endpoint = fc.constantFrom(1, 2, 3, 7, 9);

export const deeds: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ deed: fc.constantFrom('up', 'up', 'down', 'plug', 'plug', 'unplug'), slot }),
  },
  { weight: 1, arbitrary: fc.record({ deed: fc.constant('recreate'), slot }) },
  { weight: 1, arbitrary: fc.record({ deed: fc.constant('rename'), slot, name: fc.nat(5) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      deed: fc.constantFrom('address add', 'address add', 'address delete'),
      slot,
      which: fc.nat(7),
      deprecated: fc.boolean(),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      deed: fc.constantFrom('route add', 'route add', 'route replace', 'route append', 'route delete'),
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
      deed: fc.constantFrom('rule add', 'rule add', 'rule delete'),
      family,
      source: fc.integer({ min: -1, max: 7 }),
      priority: fc.constantFrom(-1, 100, 8682, 8684),
      table: fc.constantFrom(254, 77, 86_840_010),
      suppress: fc.boolean(),
      exclusive: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.oneof(
      fc.record({
        deed: fc.constant('endpoint add'),
        address: fc.nat(11),
        id: fc.constantFrom(0, 0, 1, 2, 3, 255),
        slot,
        flags: endpoint,
      }),
      fc.record({ deed: fc.constant('endpoint delete'), id: fc.constantFrom(0, 1, 2, 3, 255) }),
      fc.record({
        deed: fc.constant('endpoint change'),
        id: fc.constantFrom(0, 1, 2, 3),
        flags: fc.constantFrom(0, 4, 8, 12),
      }),
      fc.record({ deed: fc.constant('limits'), subflows: fc.nat(9), addAddrAccepted: fc.nat(9) }),
    ),
  },
) as fc.Arbitrary<Deed>;

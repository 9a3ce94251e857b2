/** The events of a history, as plain values, so that a failing history is easy to read and to shrink. */
import type { Family } from '../../src/netlink/ip.ts';
import type { ConfigurationChoice } from './configurations.ts';

export const NAMES = ['eth0', 'eth1', 'eth2', 'wwan0', 'lan0', 'eth9'] as const;
/** The addresses of a slot. All slots share the network 10.99.0.0/24 and its first address. */
export const addressPool = (slot: number): readonly [string, number][] => [
  [`10.${slot + 1}.0.1`, 24],
  [`10.${slot + 1}.0.2`, 24],
  [`10.${slot + 21}.0.1`, 24],
  ['10.99.0.1', 24],
  [`10.99.0.${slot + 2}`, 24],
  [`2001:db8:${slot + 1}::1`, 64],
  [`2001:db8:${slot + 1}::2`, 64],
  [`fd00:${slot + 1}::1`, 64],
];
export const gateways = (slot: number, family: Family): readonly (string | null)[] =>
  family === 'ipv4'
    ? [`10.${slot + 1}.0.254`, `10.${slot + 1}.0.253`, '10.99.0.254', null, '172.31.0.1']
    : [`fe80::${slot + 1}`, `fe80::ff`, `2001:db8:${slot + 1}::ff`, null, '2001:db8:77::1'];
export const ADDRESSES = addressPool(0).length;
export const GATEWAYS = 5;
/** A table in which another program keeps routes. */
export const TABLE = 77;

export type Op =
  | { readonly op: 'link'; readonly slot: number; readonly to: 'absent' | 'down' | 'no carrier' | 'up' }
  | { readonly op: 'recreate'; readonly slot: number; readonly sameIndex: boolean }
  | { readonly op: 'rename'; readonly slot: number; readonly name: number }
  | {
      readonly op: 'address';
      readonly slot: number;
      readonly which: number;
      readonly to: 'absent' | 'permanent' | 'tentative' | 'deprecated' | 'temporary';
    }
  | {
      readonly op: 'default';
      readonly slot: number;
      readonly family: Family;
      readonly gateway: number;
      readonly metric: number;
      readonly verb: 'add' | 'replace' | 'delete';
      readonly table?: 77;
      /** The address of the slot that the route prefers as its source. */
      readonly source?: number;
    }
  /** A route in one of multihomed's tables: a default, or the subnet of the slot's first address of the family. */
  | {
      readonly op: 'route in own table';
      readonly slot: number;
      readonly family: Family;
      readonly what: 'default' | 'subnet';
      readonly metric: number;
      readonly verb: 'add' | 'delete';
    }
  | {
      readonly op: 'multipath';
      readonly slots: readonly [number, number];
      readonly family: Family;
      readonly metric: number;
      readonly verb: 'add' | 'delete';
    }
  | {
      readonly op: 'nexthop';
      readonly slot: number;
      readonly family: Family;
      readonly gateway: number;
      readonly metric: number;
      readonly verb: 'add' | 'delete';
    }
  /** A router advertisement with a lifetime in seconds; 0 withdraws it. */
  | { readonly op: 'advertised'; readonly slot: number; readonly gateway: number; readonly lifetime: number }
  /** The kernel adds it for an address that a connection uses. */
  | { readonly op: 'implicit endpoint'; readonly nth: number }
  /** Deletes an endpoint and adds another under the same id. */
  | {
      readonly op: 'replace endpoint';
      readonly nth: number;
      readonly how: 'device' | 'flags' | 'address' | 'same';
    }
  /** A VPN that no rule selects: by a policy rule, by main's default or halves of it, or for some networks. */
  | {
      readonly op: 'tunnel';
      readonly form: 'rule' | 'early rule' | 'main' | 'split' | 'networks';
      readonly verb: 'add' | 'delete';
    }
  | { readonly op: 'split'; readonly slot: number; readonly verb: 'add' | 'delete' }
  | { readonly op: 'foreign endpoint'; readonly slot: number; readonly which: number; readonly flags: number }
  | {
      readonly op: 'delete endpoint' | 'change endpoint' | 'delete policy rule' | 'delete route';
      readonly nth: number;
    }
  | { readonly op: 'limits'; readonly subflows: number; readonly addAddrAccepted: number }
  | { readonly op: 'policy rule'; readonly slot: number; readonly kind: number }
  | { readonly op: 'remove policy rules' }
  | ({ readonly op: 'reload' } & ConfigurationChoice)
  | { readonly op: 'flush' | 'kill' | 'restart' | 'lose events' | 'overrun' }
  /** The daemon crashes before its next change after `after` changes, or (answerLost) right after that change. */
  | { readonly op: 'crash'; readonly after: number; readonly answerLost?: boolean }
  | { readonly op: 'lose answers'; readonly count: number }
  | { readonly op: 'time'; readonly milliseconds: number };

/** `when`: after the daemon has settled, after a number of requests, or in the middle of a dump. */
export type Step = Op & { readonly when: 'settled' | 'midway' | number };

/** An address of a selected interface with its look-ups: what the second step of the plan returns. */
import type { Family } from '../netlink/ip.ts';
import type { Address } from '../netlink/route/address.ts';
import type { RouteLookup } from '../snapshot/snapshot.ts';
import type { HostRule } from './host-rule.ts';
import type { Reason } from './reason.ts';
import type { Tunnel } from './tunnel.ts';
import type { Selected } from './uplink.ts';

export interface Exclusion {
  readonly state: 'ignored' | 'tentative' | 'failed';
  readonly reason: Reason;
}

export interface Candidate {
  readonly selected: Selected;
  readonly family: Family;
  readonly address: Address;
  /** Its own table, or that of the administrator's policy rule; null: none. */
  readonly table: number | null;
  /** The administrator's policy rule for it, if there is one. */
  readonly hostRule: HostRule | null;
  readonly lookup: RouteLookup | null;
  /** The full tunnel that takes all traffic of its family; null: none. */
  readonly tunnel: Tunnel | null;
  /** Why it cannot be used; null: it can. */
  readonly exclusion: Exclusion | null;
}

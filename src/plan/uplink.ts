/** An uplink: one local address on one interface that a rule selects, with all that is known of its path. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Address } from '../netlink/route/address.ts';
import type { Link } from '../netlink/route/link.ts';
import type { Rule } from '../rules/rule.ts';
import type { HostRule } from './host-rule.ts';
import type { Tunnel } from './tunnel.ts';
import type { Answer, DefaultRoute } from '../snapshot/snapshot.ts';

export const UPLINK_STATES = [
  /** The rule says so, or another address of the interface serves instead. */
  'ignored',
  /** The link is down, gone or not running. */
  'no carrier',
  'no address',
  /** Duplicate address detection has not ended. */
  'tentative',
  'no default route',
  /** The path is there; routes, policy rule or endpoint are being made. */
  'verified',
  /** The endpoint stands and the path is verified. */
  'active',
  /** The path is lost; the endpoint stays because no other of its family is active. */
  'lingering',
  'no free slot',
  /** Somebody else's object is in the way; the reason says whose. */
  'conflict',
  /** The kernel refused; the reason is its answer. */
  'failed',
] as const;
export type UplinkState = (typeof UPLINK_STATES)[number];

/** What became of the subflows that the kernel made on an uplink since it became active. */
export interface JoinRecord {
  readonly established: number;
  readonly failed: number;
  /** Failed ones since one was established last. */
  readonly streak: number;
  /** The last one that failed: the name of its errno, and when, in milliseconds since the epoch; null: none. */
  readonly last: { readonly errno: string; readonly at: number } | null;
}

export interface Uplink {
  /** `ifindex/address`, or `ifindex/` where the interface has none. */
  readonly key: string;
  readonly state: UplinkState;
  /** In words, always. */
  readonly reason: string;
  readonly interface: string;
  readonly ifindex: number;
  readonly family: Family | null;
  readonly address: string | null;
  readonly prefixLength: number | null;
  readonly rule: Rule | null;
  readonly gateway: string | null;
  readonly metric: number | null;
  /** null: the endpoint alone, without a table of its own. */
  readonly table: number | null;
  /** Owned, and standing now. */
  readonly endpoint: Endpoint | null;
  /** Bits that the endpoint has or is to have. */
  readonly flags: number;
  /** Of an active one, as far as a daemon counts them. */
  readonly joins?: JoinRecord;
}

/** A rule's interface, in the order in which slots are given. */
export interface Selected {
  readonly link: Link;
  readonly rule: Rule;
  /** Position of the rule. */
  readonly rank: number;
}

/** An address of a selected interface, and whether it serves. */
export interface Candidate {
  readonly selected: Selected;
  readonly family: Family;
  readonly address: Address;
  /** Its own, or that of the administrator's policy rule; null: none. */
  readonly table: number | null;
  /** The administrator's policy rule for it, if there is one. */
  readonly hostRule: HostRule | null;
  readonly answer: Answer | null;
  /** What takes all traffic of its family past the uplinks; null: nothing. */
  readonly tunnel: Tunnel | null;
  /** Why it does not serve; null: it does. */
  readonly out: { readonly state: 'ignored' | 'tentative' | 'failed'; readonly reason: string } | null;
}

export interface Viable {
  readonly candidate: Candidate;
  /** null only under `check-route: false`. */
  readonly default: DefaultRoute | null;
}

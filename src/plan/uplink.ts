/** An uplink: one local address on one interface that a rule selects, with all that is known of its path. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Link } from '../netlink/route/link.ts';
import type { Rule } from '../rules/rule.ts';
import type { Misrouted } from '../snapshot/misrouted.ts';
import type { Suspect } from '../snapshot/snapshot.ts';
import type { Reason, Stay } from './reason.ts';

export const UPLINK_STATES = [
  /** The rule says so, or another address of the interface is used instead. */
  'ignored',
  /** The link is down, gone or not running. */
  'no carrier',
  'no address',
  /** Duplicate address detection has not ended. */
  'tentative',
  'no default route',
  /** The path exists; routes, policy rule or endpoint are being made. */
  'verified',
  /** The endpoint is in place and the path is verified. */
  'active',
  /** The link has carrier, but nothing on the path is answered. */
  'suspect',
  /** The address is no longer a usable uplink, and its endpoint stays for the reason in `stays`. */
  'lingering',
  'no free slot',
  /** An object of another program is in the way; the reason names it. */
  'conflict',
  /** The kernel refused; the reason is its answer. */
  'failed',
] as const;
export type UplinkState = (typeof UPLINK_STATES)[number];

/** Results of the joins (subflows that the kernel made) on an uplink since it became active. */
export interface JoinRecord {
  readonly established: number;
  readonly failed: number;
  /** How many have failed since the last one that was established. */
  readonly streak: number;
  /** The last one that failed: the name of its errno, and its time in milliseconds since the epoch; null: none. */
  readonly last: { readonly errno: string; readonly at: number } | null;
  /** Established subflows that ended by an error: how many, and the last one as above. */
  readonly lost: number;
  readonly lastLoss: { readonly errno: string; readonly at: number } | null;
  /** Why a lost subflow of an open connection is not opened again; absent: none is, or it is tried. */
  readonly obstacle?: RetryObstacle;
}

export const RETRY_OBSTACLES = [
  'no-free-slot',
  /** The connection has as many subflows as the limit allows. */
  'limit-reached',
  /** Another program has set the limit. */
  'foreign-limit',
  /** The kernel would choose another address of the link for a new subflow. */
  'other-source',
  /** The server refused it. */
  'refused',
] as const;
export type RetryObstacle = (typeof RETRY_OBSTACLES)[number];

export interface Uplink {
  /** `ifindex/address`, or `ifindex/` where the interface has none. */
  readonly key: string;
  readonly state: UplinkState;
  readonly reason: Reason;
  /** Only for a lingering uplink, or a suspect one whose endpoint is kept: until when the endpoint stays. */
  readonly stays?: Stay;
  readonly interface: string;
  readonly ifindex: number;
  readonly family: Family | null;
  readonly address: string | null;
  readonly prefixLength: number | null;
  readonly rule: Rule | null;
  readonly gateway: string | null;
  readonly metric: number | null;
  /** null: only an endpoint, without a table of its own. */
  readonly table: number | null;
  /** The owned endpoint that is in place; null: none. */
  readonly endpoint: Endpoint | null;
  /** MPTCP_PM_ADDR_FLAG_* bits that the endpoint has or is to have. */
  readonly flags: number;
  /** Only for an active or suspect uplink, if a daemon counts its joins. */
  readonly joins?: JoinRecord;
  /** Only for an active or suspect IPv4 uplink, if a daemon looked for such packets and found one. */
  readonly misrouted?: Misrouted;
  /** Only for a suspect uplink. */
  readonly suspect?: Suspect;
}

/** An interface that a rule selects. Slots are given in the order of `rank`. */
export interface Selected {
  readonly link: Link;
  readonly rule: Rule;
  /** Position of the rule, from 0. */
  readonly rank: number;
}

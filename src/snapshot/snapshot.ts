/** What the kernel has at one moment, as far as an uplink's way depends on it. Values only. */
import type { NetlinkError } from '../netlink/error.ts';
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Address } from '../netlink/route/address.ts';
import type { Link } from '../netlink/route/link.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import type { Hop, Route } from '../netlink/route/route.ts';
import type { Egress } from './egress.ts';
import type { PolicyRoute, Tables } from './policy-route.ts';

/** Parts that are read one by one; an event makes some of them stale. */
export type Part = 'links' | 'addresses' | 'policyRules' | 'routes' | 'endpoints';
export const ALL_PARTS: readonly Part[] = ['links', 'addresses', 'policyRules', 'routes', 'endpoints'];

export interface Base {
  /** By index. */
  readonly links: ReadonlyMap<number, Link>;
  /** Name of the driver of each link that has one, as sysfs gives it. */
  readonly drivers: ReadonlyMap<number, string>;
  /** Where the device of each link that has one is plugged in, as udev's ID_PATH says it. */
  readonly paths: ReadonlyMap<number, string>;
  /** In the order of the kernel: primary before secondary. */
  readonly addresses: readonly Address[];
  /** Both families, each in the order in which the kernel looks at them. */
  readonly policyRules: readonly PolicyRule[];
  readonly endpoints: readonly Endpoint[];
  readonly limits: Limits;
}

/** One address whose way the kernel is asked for. */
export interface Question {
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  /** The kernel may have no connected route for it, and is asked whether it has: noprefixroute, and IPv6. */
  readonly prefixLength: number | null;
  /** The table that its packets are meant to use; null: main's default is enough. */
  readonly table: number | null;
  /** Prefix length of the address. */
  readonly length: number;
  /** No other address of its family, but for link-local ones, is on the link. */
  readonly alone: boolean;
}

export interface DefaultRoute {
  readonly route: Route;
  readonly hop: Hop;
}

/** Where a packet leaves, or why it does not. */
export type Way =
  | {
      readonly kind: 'leaves';
      readonly ifindex: readonly number[];
      readonly gateway: string | null;
      readonly table: number;
    }
  /** Every address that was asked for has a route more specific than a default (a split default). */
  | { readonly kind: 'specific' }
  | { readonly kind: 'none'; readonly error: NetlinkError };

export interface Answer {
  /** Where the host's own policy rules send its packets; of kind `unread`: main decides. */
  readonly host: PolicyRoute;
  /** The default route through the interface that stands without us, or the kernel's refusal. */
  readonly default: DefaultRoute | null;
  /** In words, when there is none. */
  readonly why: string | null;
  /** The address that the kernel takes by itself as source through this interface (IPv6). */
  readonly source: string | null;
  /** Its subnet is reached without a gateway. */
  readonly onLink: boolean;
  /** From this address, on a socket bound to the interface. */
  readonly bound: Way;
  /** From this address, on a socket that is not bound. */
  readonly unbound: Way;
  /** The default route is missing for a moment, and `default` is the one that it was. */
  readonly bridged?: true;
}

export interface Snapshot extends Base {
  /** Routes with our protocol number in the tables that matter. */
  readonly ownRoutes: readonly Route[];
  readonly answers: ReadonlyMap<string, Answer>;
  /** Routes of other programs in the tables that their policy rules lead to, as far as these were read. */
  readonly tables: Readonly<Record<Family, Tables>>;
  /** Where packets go that neither their source nor a mark sets apart; null: nowhere, or not asked. */
  readonly egress: Readonly<Record<Family, Egress | null>>;
  /** Routes other than defaults by tunnels that are no uplinks, in any table. */
  readonly tunnelRoutes: readonly Route[];
  /** Of each open MPTCP connection the local addresses of its subflows; absent where nothing depends on them. */
  readonly connections?: readonly (readonly string[])[];
  /** When the answers were asked for, no later: milliseconds by the reader's clock. Times that are left count from here. */
  readonly answeredAt: number;
}

export const answerKey = (ifindex: number, address: string): string => `${ifindex}/${address}`;

/** Our mark on routes and policy rules: rtm_protocol and FRA_PROTOCOL. */
export const RTPROT_MULTIHOMED = 86;

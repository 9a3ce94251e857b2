/** The kernel's state at one moment, as far as the paths of uplinks depend on it. Values only. */
import type { NetlinkError } from '../netlink/error.ts';
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Address } from '../netlink/route/address.ts';
import type { Link } from '../netlink/route/link.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import type { DefaultRoute, Route } from '../netlink/route/route.ts';
import type { HostEgress } from './host-egress.ts';
import type { PolicyRoute, Tables } from './policy-route.ts';

/** Parts that are read separately; an event makes some of them stale. */
export type SnapshotPart = 'links' | 'addresses' | 'policyRules' | 'routes' | 'endpoints';
export const ALL_PARTS: readonly SnapshotPart[] = [
  'links',
  'addresses',
  'policyRules',
  'routes',
  'endpoints',
];

export interface KernelObjects {
  /** By interface index. */
  readonly links: ReadonlyMap<number, Link>;
  /** Driver name by interface index, from sysfs; only links with a driver. */
  readonly drivers: ReadonlyMap<number, string>;
  /** Where the device is plugged in, by interface index, as udev's ID_PATH; only links with such a device. */
  readonly paths: ReadonlyMap<number, string>;
  /** In the kernel's order: primary addresses before secondary ones. */
  readonly addresses: readonly Address[];
  /** Both families, each in the kernel's order. */
  readonly policyRules: readonly PolicyRule[];
  readonly endpoints: readonly Endpoint[];
  readonly limits: Limits;
}

/** One address whose routes are looked up. */
export interface LookupRequest {
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  /** Set if the kernel must be asked whether it has the connected route (noprefixroute, and IPv6); null: it has it. */
  readonly prefixLength: number | null;
  /** The table that its packets are to use; null: main's default route is enough. */
  readonly table: number | null;
  /** Prefix length of the address. */
  readonly length: number;
  /** The link has no other address of its family, apart from link-local ones. */
  readonly alone: boolean;
  /** `bypass`: a policy rule of a full tunnel does not decide about its packets. */
  readonly tunnel: 'respect' | 'bypass';
}

/** Where a packet leaves, or why it does not. */
export type Egress =
  | {
      readonly kind: 'leaves';
      readonly ifindex: readonly number[];
      readonly gateway: string | null;
      readonly table: number;
    }
  /** Every probe has a route more specific than a default (a split default). */
  | { readonly kind: 'specific' }
  | { readonly kind: 'none'; readonly error: NetlinkError };

/** Why a link has no default route. */
export type MissingDefault =
  /** The kernel refuses to send; `errno`: the name of its errno, null if it gave none. */
  | { readonly code: 'unreachable'; readonly errno: string | null }
  | { readonly code: 'other-interface' }
  /** Only routes more specific than a default (a split default). */
  | { readonly code: 'specific-only' };

export interface RouteLookup {
  /** Where the host's own policy rules send its packets; `unread`: main decides. */
  readonly host: PolicyRoute;
  /** The default route through the interface as it is without multihomed; null: none. */
  readonly default: DefaultRoute | null;
  /** Why there is no default route; null: there is one. */
  readonly missing: MissingDefault | null;
  /** The source address that the kernel selects through this interface (IPv6); null: not known. */
  readonly source: string | null;
  /** The address's subnet is reached without a gateway. */
  readonly onLink: boolean;
  /** The look-up from this address for a socket that is bound to the interface. */
  readonly bound: Egress;
  /** The look-up from this address for a socket that is not bound. */
  readonly unbound: Egress;
  /** The default route is missing for a moment, and `default` is the previous one. */
  readonly bridged?: true;
}

export interface Snapshot extends KernelObjects {
  /** Routes of multihomed (RTPROT_MULTIHOMED) in the tables that matter. */
  readonly ownRoutes: readonly Route[];
  readonly lookups: ReadonlyMap<string, RouteLookup>;
  /** Routes of other programs in the tables that their policy rules lead to, as far as these tables were read. */
  readonly tables: Readonly<Record<Family, Tables>>;
  /** Where packets leave if no policy rule selects them by source or mark; null: nowhere, or not looked up. */
  readonly egress: Readonly<Record<Family, HostEgress | null>>;
  /** Whether main may have a route for half of all addresses (/1). */
  readonly halves: Readonly<Record<Family, boolean>>;
  /** Routes through tunnels that are no uplinks, in any table, without default routes. */
  readonly tunnelRoutes: readonly Route[];
  /** For each open MPTCP connection the local addresses of its subflows; absent if nothing depends on them. */
  readonly connections?: readonly (readonly string[])[];
  /**
   * Open TCP sockets that are bound to a link, as subflows of endpoints with a device are; absent like `connections`.
   */
  readonly boundSockets?: readonly BoundSocket[];
  /** Uplinks whose path does not answer, by `lookupKey`; absent if nothing watches them. */
  readonly suspects?: ReadonlyMap<string, Suspect>;
  /** Ids of endpoints to delete and add again, by `lookupKey`, so that a connection gets its lost subflow back. */
  readonly renewals?: ReadonlyMap<string, number>;
  /**
   * Uplinks whose endpoint is to be tried again for a connection that has lost its subflow there, while others have
   * theirs, or to see whether the path works, by `lookupKey`: how many subflows that connection may have in addition to
   * its first; null: as many as the limit allows.
   */
  readonly retries?: ReadonlyMap<string, number | null>;
  /** When the look-ups began, in milliseconds by the reader's clock. Remaining lifetimes count from here. */
  readonly lookedUpAt: number;
}

/** The open connections as far as the plan needs them. */
export type OpenConnections = Required<Pick<Snapshot, 'connections' | 'boundSockets'>>;

export interface BoundSocket {
  readonly ifindex: number;
  readonly address: string;
  readonly port: number;
  /** Address of the peer. */
  readonly remote: string;
  /** The local addresses of all subflows of its connection; of a socket that is no subflow, its own. */
  readonly locals: readonly string[];
}

/** An uplink whose path does not answer although the link has carrier. */
export interface Suspect {
  /** Its endpoint is to be in place: connections depend on it, or the kernel's joins try the path. */
  readonly present: boolean;
  /** Its endpoint stays, because open connections depend on it. */
  readonly kept: boolean;
  /** How long nothing had arrived although it should have, in milliseconds. */
  readonly unanswered: number;
  /** Data of the peers stopped, and a new subflow got no answer; absent: data of this host waited for an answer. */
  readonly isSilent?: boolean;
  /** How many times in short succession, this one included. */
  readonly strikes: number;
  /** Milliseconds before the path is tried again; grows with each strike. */
  readonly pause: number;
  /** Its endpoint stays although no connection depends on it, because no other uplink of its family works. */
  readonly isOnly?: boolean;
  /** The probes that got no answer; absent: MPTCP's own traffic showed it. */
  readonly probe?: { readonly targets: readonly string[]; readonly probes: number };
}

/** The key of an address in `lookups`, `suspects`, `renewals` and `retries`. */
export const lookupKey = (ifindex: number, address: string): string => `${ifindex}/${address}`;

/** The input of all checks: values, read once. `unread` lists the facts that could not be read. */
import type { StatusDocument } from '../control/document.ts';
import type { Family } from '../netlink/ip.ts';
import type { Route } from '../netlink/route/route.ts';
import type { Explanation } from '../messages/explain.ts';
import type { State } from '../actions/state.ts';
import type { Plan } from '../plan/plan.ts';
import type { ConfigurationProblem } from '../rules/problem.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Refusal } from '../system/trust.ts';

export interface Facts {
  readonly kernel: KernelFacts;
  /** By dotted name without the leading `net.`, such as `mptcp.enabled`; only settings that exist. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly configuration: ConfigurationFacts;
  /** null when the kernel has no MPTCP path manager. */
  readonly view: HostView | null;
  readonly managers: ManagerFacts;
  readonly hooks: readonly HookRefusal[];
  /** The MPTcpExt line of /proc/net/netstat (net/mptcp/mib.c); null when there is none. */
  readonly counters: ReadonlyMap<string, number> | null;
  readonly connections: readonly ConnectionFacts[];
  /** One for each active uplink over which a datagram was sent. */
  readonly departures: readonly DepartureFacts[];
  /** A sentence for each thing that could not be read. */
  readonly unread: readonly string[];
}

/** A hook that is not run, or a folder of which no hook is run. */
export interface HookRefusal extends Refusal {
  readonly kind: 'file' | 'folder';
}

export interface KernelFacts {
  /** The generic netlink family mptcp_pm exists. */
  readonly mptcp: boolean;
  /** Name of the errno with which the kernel refuses a socket of IPPROTO_MPTCP; null when it creates one. */
  readonly refused: string | null;
  readonly ipv6: boolean;
}

export interface ConfigurationFacts {
  /** null when the configuration has errors. */
  readonly loaded: Configuration | null;
  readonly errors: readonly ConfigurationProblem[];
  /** Text of each file that was read, by its name. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface HostView {
  /** The daemon's status; null when no daemon runs. */
  readonly daemon: StatusDocument | null;
  /** Set when a daemon listens on the socket and does not answer. */
  readonly silent: StatusDocument['silent'];
  /** The daemon is a systemd unit on this host. */
  readonly systemd: boolean;
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly state: State;
  /** One for each interface that a rule selects; read from the daemon when one runs. */
  readonly explanations: readonly Explanation[];
  /** Routes of other programs in multihomed's tables. */
  readonly foreignRoutes: readonly Route[];
  /** Default routes in the tables to which other programs' policy rules lead. */
  readonly otherDefaults: readonly Route[];
}

export interface Setting {
  readonly section: string;
  readonly value: string;
  readonly file: string;
}

export interface ManagerFacts {
  /** Processes that manage networks, by name. `here`: in this network namespace; null when that cannot be read. */
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly here: boolean | null;
  }[];
  readonly networkManager: {
    readonly configured: boolean;
    /** Each setting of connection.mptcp-flags, in the order in which NetworkManager searches. */
    readonly mptcpFlags: readonly Setting[];
  };
  /** The effective values of networkd.conf(5); the default is yes. */
  readonly networkd: { readonly foreignRules: boolean; readonly foreignRoutes: boolean };
}

/** A datagram that was sent bound to an uplink, as subflows are, and that the gateway drops. */
export interface DepartureFacts {
  readonly uplink: { readonly interface: string; readonly address: string; readonly family: Family };
  readonly outcome:
    | { readonly kind: 'sent' }
    /** This host refused it; `code`: the errno's name. */
    | { readonly kind: 'refused'; readonly code: string }
    /** The kernel found no route, and looks for the destination on the link itself (IPv4). */
    | { readonly kind: 'on-link' };
}

/** One MPTCP connection that was made as a test and closed at once. */
export interface ConnectionFacts {
  /** null for the connection over loopback. */
  readonly uplink: { readonly interface: string; readonly address: string; readonly family: Family } | null;
  readonly peer: string;
  readonly outcome:
    | { readonly kind: 'failed'; readonly code: string }
    /** The kernel does not show whether the connection uses MPTCP. */
    | { readonly kind: 'unknown'; readonly why: string }
    | { readonly kind: 'tcp' }
    | {
        readonly kind: 'mptcp';
        /** Data arrived from the peer; before that the kernel opens no further subflow. */
        readonly received: boolean;
        /** Local addresses of established subflows; `missing` lists those that should have had one. */
        readonly subflows: readonly string[];
        readonly missing: readonly string[];
      };
}

/** All that the checks go by: values, read once. What could not be read is named in `unread`. */
import type { StatusDocument } from '../control/document.ts';
import type { Family } from '../netlink/ip.ts';
import type { Route } from '../netlink/route/route.ts';
import type { Explanation } from '../plan/explain.ts';
import type { Memory } from '../plan/memory.ts';
import type { Plan } from '../plan/plan.ts';
import type { ConfigurationProblem } from '../rules/problem.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Refusal } from '../system/trust.ts';

export interface Facts {
  readonly kernel: KernelFacts;
  /** By dotted name without the leading `net.`: `mptcp.enabled`; only those that are there. */
  readonly sysctls: ReadonlyMap<string, string>;
  readonly configuration: ConfigurationFacts;
  /** null: the kernel has no path manager to ask. */
  readonly view: View | null;
  readonly managers: ManagerFacts;
  readonly hooks: readonly Refusal[];
  /** The MPTcpExt line of /proc/net/netstat (include/net/mptcp's MIB); null: none. */
  readonly counters: ReadonlyMap<string, number> | null;
  readonly connections: readonly ConnectionFacts[];
  /** Sentences on what could not be looked at. */
  readonly unread: readonly string[];
}

export interface KernelFacts {
  /** The generic netlink family mptcp_pm is there. */
  readonly mptcp: boolean;
  /** Name of the errno that refuses a socket of IPPROTO_MPTCP; null: it can be made. */
  readonly refused: string | null;
  readonly ipv6: boolean;
}

export interface ConfigurationFacts {
  /** null: it has errors. */
  readonly loaded: Configuration | null;
  readonly errors: readonly ConfigurationProblem[];
  /** Text of each file that was read, by its name. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface View {
  /** What the daemon says; null: none runs. */
  readonly daemon: StatusDocument | null;
  /** A daemon that listens and does not answer. */
  readonly silent: StatusDocument['silent'];
  /** The daemon is a unit of systemd here. */
  readonly systemd: boolean;
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly memory: Memory;
  /** Of each interface that a rule selects, from the daemon where one runs. */
  readonly explanations: readonly Explanation[];
  /** Routes in our tables that are not ours. */
  readonly foreignRoutes: readonly Route[];
  /** Default routes in tables that other people's policy rules lead to. */
  readonly otherDefaults: readonly Route[];
}

export interface Setting {
  readonly section: string;
  readonly value: string;
  readonly file: string;
}

export interface ManagerFacts {
  /** Programs that manage networks, by the name of their process; `here`: in this namespace, null: not told. */
  readonly processes: readonly {
    readonly name: string;
    readonly pid: number;
    readonly here: boolean | null;
  }[];
  readonly networkManager: {
    readonly configured: boolean;
    /** connection.mptcp-flags, wherever it is set, in the order in which NetworkManager looks. */
    readonly mptcpFlags: readonly Setting[];
  };
  /** What networkd.conf(5) says in the end; yes where it says nothing. */
  readonly networkd: { readonly foreignRules: boolean; readonly foreignRoutes: boolean };
}

/** One MPTCP connection that was made to look at it, and closed at once. */
export interface ConnectionFacts {
  /** null: over loopback. */
  readonly uplink: { readonly interface: string; readonly address: string; readonly family: Family } | null;
  readonly peer: string;
  readonly outcome:
    | { readonly kind: 'failed'; readonly code: string }
    /** The kernel did not say what the connection is. */
    | { readonly kind: 'untold'; readonly why: string }
    | { readonly kind: 'tcp' }
    | {
        readonly kind: 'mptcp';
        /** Bytes came from the peer, without which no further subflow is opened. */
        readonly heard: boolean;
        /** Local addresses of established subflows, and those that should have been among them. */
        readonly subflows: readonly string[];
        readonly missing: readonly string[];
      };
}

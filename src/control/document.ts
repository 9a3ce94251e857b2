/**
 * The output of `status` as one JSON document. Its keys are stable; `version` is
 * incremented if one changes its meaning.
 */
import { flagNames } from '../netlink/mptcp/flags.ts';
import type { State } from '../actions/state.ts';
import type { Plan } from '../plan/plan.ts';
import { suspectReason } from '../plan/suspect.ts';
import type { RetryObstacle, Uplink } from '../plan/uplink.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { isOwned } from '../actions/ownership.ts';
import { problemText, problemRemedy } from '../messages/problem.ts';
import { uplinkReason } from '../messages/reason.ts';
import type { HostProblem } from '../plan/problem.ts';
import { type Reason, type Details, type Stay, coded } from '../plan/reason.ts';
import type { Remedy } from '../system/shell-quote.ts';

export const DOCUMENT_VERSION = 1;

export interface UplinkDocument {
  readonly interface: string;
  readonly ifindex: number;
  readonly address: string | null;
  readonly state: string;
  readonly reason: string;
  /** As in src/plan/reason.ts, with its fields in `details`. */
  readonly code: Reason['code'];
  readonly details: Details;
  /** Until when the endpoint stays; null: the uplink is neither lingering nor a suspect one whose endpoint is kept. */
  readonly stays: Stay | null;
  /** When it entered its state, as seen by the daemon, in milliseconds since the epoch; null: no daemon runs. */
  readonly since: number | null;
  /** Glob of the rule, and its place in the configuration. */
  readonly rule: { readonly glob: string; readonly file: string; readonly line: number } | null;
  readonly gateway: string | null;
  readonly metric: number | null;
  readonly table: number | null;
  readonly endpoint: { readonly id: number; readonly flags: readonly string[] } | null;
  readonly flags: readonly string[];
  /** Joins of an active or suspect uplink since it became active; null: no daemon counts them. */
  readonly subflows: {
    readonly established: number;
    readonly failed: number;
    /** How many have failed since the last one that was established. */
    readonly failing: number;
    /** The last one that failed: name of its errno, and milliseconds since the epoch; null: none. */
    readonly lastFailure: { readonly errno: string; readonly time: number } | null;
    /** Established subflows that ended by an error, and the last one, in the same way. */
    readonly lost: number;
    readonly lastLoss: { readonly errno: string; readonly time: number } | null;
    /** Why a lost subflow of an open connection is not opened again; null: none is lost, or it is tried again. */
    readonly obstacle: RetryObstacle | null;
  } | null;
  /** The last packets that did not reach the gateway, although the route leads there; null: none, or not known. */
  readonly misrouted: { readonly destination: string; readonly time: number } | null;
  /** Why its path is suspect; null: it is not. */
  readonly suspect: {
    /**
     * `unanswered`: data waited for an acknowledgement, and nothing arrived on the path. `silent`: data of the peers
     * stopped, and a new subflow got no answer. `probe-failed`: no target of `health: { probe }` answered.
     */
    readonly code: 'unanswered' | 'silent' | 'probe-failed';
    /** Milliseconds. */
    readonly unanswered: number;
    /** How many times in short succession. */
    readonly strikes: number;
    /** Milliseconds before the path is tried again; grows with each strike. */
    readonly pause: number;
  } | null;
}

/** Counts of what a daemon has done since its start. */
export interface CountersDocument {
  /** Its start, in milliseconds since the epoch. */
  readonly since: number;
  readonly passes: number;
  /** By cause: event, overrun, timer, request, reload. */
  readonly wakeUps: Readonly<Record<string, number>>;
  /** rtnetlink messages that changed something, by object: link, address, route, rule, neighbour, nexthop. */
  readonly events: Readonly<Record<string, number>>;
  readonly actions: { readonly done: number; readonly failed: number };
  /** Objects restored after another program had removed them. */
  readonly restored: number;
}

export interface StatusDocument {
  readonly version: number;
  /** null: no daemon runs, and everything was read from the kernel. */
  readonly daemon: {
    readonly pid: number;
    /** Flushed: no action is taken until a reload. */
    readonly paused: boolean;
    readonly dryRun: boolean;
    readonly overruns: number;
    readonly counters?: CountersDocument;
    /** The file given by --config; null: the system's configuration. */
    readonly config?: string | null;
  } | null;
  /** A daemon that listens but does not answer, so the kernel was read instead; null: none. */
  readonly silent: { readonly pid: number | null } | null;
  readonly uplinks: readonly UplinkDocument[];
  readonly limits: { readonly subflows: number; readonly addAddrAccepted: number };
  readonly endpoints: { readonly owned: number; readonly foreign: number; readonly slots: number | null };
  /** Sentences, one per problem. */
  readonly problems: readonly string[];
  /** The same problems, as codes with their fields and the commands that solve each. */
  readonly problemDetails: readonly (HostProblem & { readonly remedy: Remedy | null })[];
}

/** `daemon`: null if the caller is no daemon. */
export function statusDocument(
  view: {
    readonly plan: Plan;
    readonly snapshot: Snapshot;
    readonly state: State;
    readonly since?: ReadonlyMap<string, number>;
  },
  daemon: StatusDocument['daemon'],
  problems: readonly HostProblem[],
): StatusDocument {
  const { plan, snapshot, state, since } = view;
  const owned = snapshot.endpoints.filter((endpoint) => isOwned(state, endpoint)).length;
  return {
    version: DOCUMENT_VERSION,
    daemon,
    silent: null,
    uplinks: plan.uplinks.map((uplink) => ({
      interface: uplink.interface,
      ifindex: uplink.ifindex,
      address: uplink.address,
      state: uplink.state,
      reason: uplinkReason(uplink),
      ...coded(uplink.reason),
      stays: uplink.stays ?? null,
      since: since?.get(uplink.key) ?? null,
      rule: uplink.rule && {
        glob: uplink.rule.glob,
        file: uplink.rule.origin.file,
        line: uplink.rule.origin.line,
      },
      gateway: uplink.gateway,
      metric: uplink.metric,
      table: uplink.table,
      endpoint: uplink.endpoint && { id: uplink.endpoint.id, flags: flagNames(uplink.endpoint.flags) },
      flags: flagNames(uplink.flags),
      subflows: subflowsOf(uplink),
      misrouted: uplink.misrouted
        ? { destination: uplink.misrouted.destination, time: uplink.misrouted.at }
        : null,
      suspect: suspectOf(uplink),
    })),
    limits: snapshot.limits,
    endpoints: {
      owned,
      foreign: snapshot.endpoints.length - owned,
      slots: Number.isFinite(state.slots) ? state.slots : null,
    },
    problems: problems.map(problemText),
    problemDetails: problems.map((problem) => ({ ...problem, remedy: problemRemedy(problem) })),
  };
}

function subflowsOf({ joins }: Uplink): UplinkDocument['subflows'] {
  if (!joins) return null;
  const { established, failed, streak, last, lost, lastLoss, obstacle = null } = joins;
  return {
    ...{ established, failed, failing: streak },
    lastFailure: last && { errno: last.errno, time: last.at },
    lost,
    lastLoss: lastLoss && { errno: lastLoss.errno, time: lastLoss.at },
    obstacle,
  };
}

function suspectOf({ suspect }: Uplink): UplinkDocument['suspect'] {
  if (!suspect) return null;
  const { unanswered, strikes, pause } = suspect;
  const { code } = suspectReason(suspect);
  return { code, unanswered, strikes, pause };
}

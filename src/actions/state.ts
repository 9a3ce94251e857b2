/**
 * The input of the plan in addition to the snapshot: endpoints carry no mark of their owner, and a
 * refusal leaves no trace in the kernel.
 */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { RouteLookup } from '../snapshot/snapshot.ts';

export interface RaisedLimit {
  /** The value before multihomed first raised it; it is restored to this. */
  readonly from: number;
  /** The value just before the last raise. */
  readonly before: number;
  readonly to: number;
  /** The kernel accepted the value, as its answer or a dump showed; until then the old value may still be set. */
  readonly granted?: boolean;
  /** A request to restore it to `from` was sent, and no answer has come. */
  readonly restoring?: boolean;
  /** Another program has changed it since, so it is neither raised nor restored. */
  readonly foreign?: boolean;
}

export interface ActionFailure {
  /** The name of the errno; null: there was nothing to delete. */
  readonly errno: string | null;
  /** The kernel's answer, with the action. */
  readonly message: string;
  /** The action is to be tried again, because something has changed since or time has passed. */
  readonly retry: boolean;
  /** Not tried again before a reload: the try deleted an existing object, which then had to be restored. */
  readonly final?: boolean;
}

/** The look-ups of an address when it last had a default route. */
export interface LastLookup {
  readonly lookup: RouteLookup;
  /** A table of multihomed has that route too. */
  readonly copied: boolean;
  /** By the snapshot's clock, in milliseconds; null: the route is present. */
  readonly missingSince: number | null;
}

export interface State {
  /** Added endpoints by id; each is recorded before it is added. */
  readonly owned: ReadonlyMap<number, Endpoint>;
  /** The id of the last addition. The search for the next one starts after it, as in the kernel. */
  readonly lastId: number;
  readonly raised: { readonly [limit in keyof Limits]?: RaisedLimit };
  /** How many endpoints the kernel can hold; Infinity until it has refused one more. */
  readonly slots: number;
  /** The highest value of a limit that the kernel accepts; null: not known. */
  readonly limitMax: number | null;
  /** MPTCP_PM_ADDR_FLAG_* bits that this kernel drops. */
  readonly unknownFlags: number;
  /** The kernel's refusals, by `actionKey`. */
  readonly failures: ReadonlyMap<string, ActionFailure>;
  /** Objects that other programs keep removing, by `objectKey`. */
  readonly contested: ReadonlySet<string>;
  /** The last look-ups with a default route of owned endpoints, by `lookupKey`. */
  readonly lookups: ReadonlyMap<string, LastLookup>;
  /** Set by `flush`: no action is taken until the next reload; null: not paused. */
  readonly paused: Pause | null;
}

export interface Pause {
  /** Fingerprint of the configuration files at the time of the flush; null: not known. */
  readonly files: string | null;
}

export const EMPTY_STATE: State = {
  owned: new Map(),
  lastId: 0,
  raised: {},
  slots: Infinity,
  limitMax: null,
  unknownFlags: 0,
  failures: new Map(),
  contested: new Set(),
  lookups: new Map(),
  paused: null,
};

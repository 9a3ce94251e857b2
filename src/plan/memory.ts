/** What is known beside the snapshot: endpoints carry no mark, and a refusal leaves no trace in the kernel. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Answer } from '../snapshot/snapshot.ts';

export interface Raised {
  /** What it was before us, and is put back to. */
  readonly from: number;
  /** What it was when it was raised last. */
  readonly before: number;
  readonly to: number;
  /** The kernel took it, as its answer or a look said; before, it may still be what it was. */
  readonly granted?: boolean;
  /** It was asked to be put back to `from`, and the answer has not come. */
  readonly returning?: boolean;
  /** Somebody changed it since: it is his, and is neither raised nor put back. */
  readonly theirs?: boolean;
}

export interface Failure {
  /** The kernel's answer. */
  readonly reason: string;
  /** Something has changed since, or time has passed: it is to be tried again. */
  readonly retry: boolean;
  /** What stood had to go for the try and was put back: there is none but after a reload. */
  readonly final?: boolean;
}

/** What the kernel answered for an address when it last had a default route. */
export interface LastAnswer {
  readonly answer: Answer;
  /** One of our tables has that route too. */
  readonly copied: boolean;
  /** By the snapshot's clock, in milliseconds; null: the route is there. */
  readonly missingSince: number | null;
}

export interface Memory {
  /** Endpoints that were added, by id; written down before each was. */
  readonly owned: ReadonlyMap<number, Endpoint>;
  /** The id given last; the next is looked for behind it, as the kernel does. */
  readonly lastId: number;
  readonly raised: { readonly [limit in keyof Limits]?: Raised };
  /** How many endpoints the kernel holds, once it has refused one more; Infinity before. */
  readonly slots: number;
  /** The most that a limit may be, once the kernel has said so; null before. */
  readonly limitMax: number | null;
  /** MPTCP_PM_ADDR_FLAG_* bits that this kernel drops. */
  readonly unknownFlags: number;
  /** The kernel's refusals, by `actionKey`. */
  readonly failures: ReadonlyMap<string, Failure>;
  /** What others keep removing, by `objectKey`. */
  readonly contested: ReadonlySet<string>;
  /** Of owned endpoints, by `answerKey`. */
  readonly answers: ReadonlyMap<string, LastAnswer>;
  /** Set by `flush`: nothing is made until the next reload; null: not paused. */
  readonly paused: Pause | null;
}

export interface Pause {
  /** Fingerprint of the configuration's files at the flush; null: not known. */
  readonly files: string | null;
}

/** What every text says of the pause. */
export const PAUSED =
  'paused since "multihomed flush"; resume with "multihomed reload" while the daemon runs';

export const EMPTY_MEMORY: Memory = {
  owned: new Map(),
  lastId: 0,
  raised: {},
  slots: Infinity,
  limitMax: null,
  unknownFlags: 0,
  failures: new Map(),
  contested: new Set(),
  answers: new Map(),
  paused: null,
};

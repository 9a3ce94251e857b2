/** What the demo tells, one JSON document a line. `at` is milliseconds since its start, by one clock. */

export type SceneName = 'ethernet' | 'stream' | 'modem' | 'pulled' | 'back' | 'unplugged';

export interface Counters {
  /** Bytes since the link was made: rtnl_link_stats64. */
  readonly received: number;
  readonly sent: number;
}

interface At {
  readonly at: number;
}

export interface SceneFact extends At {
  readonly kind: 'scene';
  readonly name: SceneName;
  readonly text: string;
}

/** The kernel's event: RTM_NEWLINK or RTM_DELLINK. */
export interface LinkFact extends At {
  readonly kind: 'link';
  readonly interface: string;
  readonly state: 'carrier' | 'no carrier' | 'gone';
}

/** The kernel's event: RTM_NEWROUTE of a default route in the main table. */
export interface RouteFact extends At {
  readonly kind: 'route';
  readonly interface: string;
  readonly gateway: string | null;
}

/** What the daemon's status says of an uplink, when it changed. */
export interface UplinkFact extends At {
  readonly kind: 'uplink';
  readonly interface: string;
  readonly address: string | null;
  readonly state: string;
  readonly reason: string;
  readonly rule: { readonly glob: string; readonly file: string; readonly line: number } | null;
  readonly flags: readonly string[];
  readonly endpoint: number | null;
}

/** The kernel's MPTCP event, as one of the two ends sees it. */
export interface SubflowFact extends At {
  readonly kind: 'subflow';
  readonly side: 'laptop' | 'server';
  readonly event: 'established' | 'closed';
  /** The connection's first one. */
  readonly initial: boolean;
  /** By the laptop's address. */
  readonly interface: string;
  readonly laptop: string;
  readonly server: string;
  /** Whether the other end asked for it to be a backup; what the laptop asked for is what the server sees. */
  readonly backup: boolean | null;
  /** errno's number. */
  readonly error: number | null;
}

/** A line that a hook printed. */
export interface HookFact extends At {
  readonly kind: 'hook';
  readonly hook: string;
  readonly interface: string;
  readonly action: string;
  readonly text: string;
}

/** Any other line of the daemon's log. */
export interface LogFact extends At {
  readonly kind: 'log';
  readonly text: string;
}

export interface SampleFact extends At {
  readonly kind: 'sample';
  /** By interface; one that is not there is absent. */
  readonly links: Readonly<Record<string, Counters>>;
  /** Bytes that the receiver has checked. */
  readonly checked: number;
}

/** Each data callback of the receiver: when, and how many bytes. */
export interface ArrivalsFact extends At {
  readonly kind: 'arrivals';
  readonly log: readonly (readonly [at: number, bytes: number])[];
}

export interface FigureFact extends At {
  readonly kind: 'figure';
  readonly scene: SceneName;
  /**
   * `join`: from what made the path usable (its default route, or its carrier) to the subflow, both the kernel's events.
   * `stall`: the longest time between two arrivals at the receiver from `window[0]` to `window[1]`.
   */
  readonly name: 'join' | 'stall';
  readonly interface: string;
  readonly milliseconds: number;
  /** What was subtracted from what. */
  readonly from: number;
  readonly to: number;
  readonly window?: readonly [number, number];
}

export interface EndFact extends At {
  readonly kind: 'end';
  readonly received: number;
  /** As the sender counted them. */
  readonly sent: number;
  readonly blocks: number;
  /** From the first arrival to the last, milliseconds. */
  readonly duration: number;
  /** What each link received, also one that has gone since. */
  readonly links: Readonly<Record<string, Counters>>;
}

/** Why it could not go on. */
export interface FailureFact extends At {
  readonly kind: 'failure';
  readonly reason: 'mptcp' | 'fault';
  readonly text: string;
}

export type Fact =
  | SceneFact
  | LinkFact
  | RouteFact
  | UplinkFact
  | SubflowFact
  | HookFact
  | LogFact
  | SampleFact
  | ArrivalsFact
  | FigureFact
  | EndFact
  | FailureFact;

/** Tenths of a millisecond are what the clock and an event loop are good for. */
export const tenth = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

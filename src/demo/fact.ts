/**
 * The facts that the demo reports, one JSON document per line. `at` is in milliseconds since its start, by one clock.
 */

export const SCENES = [
  'ethernet',
  'stream',
  'modem',
  'pulled',
  'back',
  'dead',
  'alone',
  'unplugged',
] as const;
export type SceneName = (typeof SCENES)[number];

export interface LinkCounters {
  /** Bytes since the link was created: rtnl_link_stats64. */
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

/** The kernel's event RTM_NEWLINK or RTM_DELLINK. */
export interface LinkFact extends At {
  readonly kind: 'link';
  readonly interface: string;
  readonly state: 'carrier' | 'no carrier' | 'gone';
}

/** The kernel's event RTM_NEWROUTE for a default route in the main table. */
export interface RouteFact extends At {
  readonly kind: 'route';
  readonly interface: string;
  readonly gateway: string | null;
}

/** A change of an uplink in the daemon's status. */
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

/** The kernel's MPTCP event, as seen by one of the two hosts. */
export interface SubflowFact extends At {
  readonly kind: 'subflow';
  readonly side: 'laptop' | 'server';
  readonly event: 'established' | 'closed';
  /** True for the connection's first subflow. */
  readonly initial: boolean;
  /** The laptop's interface, found by its address. */
  readonly interface: string;
  readonly laptop: string;
  readonly server: string;
  /** Whether the other host asked for a backup subflow. The server sees what the laptop asked for. */
  readonly backup: boolean | null;
  /** The number of the errno. */
  readonly error: number | null;
}

/** A run of the demo's hook. */
export interface HookFact extends At {
  readonly kind: 'hook';
  readonly hook: string;
  readonly interface: string;
  readonly action: string;
  readonly text: string;
}

/** A line of the daemon's log. */
export interface LogFact extends At {
  readonly kind: 'log';
  /** As in syslog(3): 3 an error, 4 a warning, 6 information. */
  readonly priority: number;
  readonly text: string;
}

export interface SampleFact extends At {
  readonly kind: 'sample';
  /** By interface; interfaces that do not exist are absent. */
  readonly links: Readonly<Record<string, LinkCounters>>;
  /** Bytes that the receiver has checked. */
  readonly checked: number;
}

/** The time and byte count of each data callback of the receiver. */
export interface ArrivalsFact extends At {
  readonly kind: 'arrivals';
  readonly log: readonly (readonly [at: number, bytes: number])[];
}

export interface FigureFact extends At {
  readonly kind: 'figure';
  readonly scene: SceneName;
  /**
   * `join`: from the event that made the path usable (its default route, or its carrier) to the subflow, both by the
   * kernel's events. `stall`: the longest time between two arrivals at the receiver from `window[0]` to `window[1]`.
   * `stalls`: all gaps of 100 ms or more that began in the window, together.
   */
  readonly name: 'join' | 'stall' | 'stalls';
  readonly interface: string;
  readonly milliseconds: number;
  /** The start of the interval; `to` is its end. */
  readonly from: number;
  readonly to: number;
  readonly window?: readonly [number, number];
  /** Of `stalls`: how many. */
  readonly count?: number;
}

export interface EndFact extends At {
  readonly kind: 'end';
  readonly received: number;
  /** As the sender counted them. */
  readonly sent: number;
  readonly blocks: number;
  /** Milliseconds from the first arrival to the last. */
  readonly duration: number;
  /** Counters of each link, including links that have been removed. */
  readonly links: Readonly<Record<string, LinkCounters>>;
}

/** Why the demo could not continue. */
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

/** Rounds to tenths of a millisecond, the precision of the clock and the event loop. */
export const toTenths = (milliseconds: number): number => Math.round(milliseconds * 10) / 10;

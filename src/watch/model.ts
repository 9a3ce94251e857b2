/** The content of one frame: the state of all paths and connections at one moment. */
import type { SubflowSocket } from '../netlink/diag.ts';

/** Bytes per second, smoothed. */
export interface Rate {
  readonly in: number;
  readonly out: number;
}

/** An uplink, or an address that carries subflows without being an uplink. */
export interface PathRow {
  readonly interface: string;
  readonly address: string | null;
  /** As in `status`; `no uplink` when no rule selects the address. */
  readonly state: string;
  /** Milliseconds since it entered its state; null: not known. */
  readonly age: number | null;
  readonly reason: string;
  /** The kernel objects that exist or are about to be added, in words; empty for none. */
  readonly detail: string;
  /** The colour of the path, the same in every frame. */
  readonly hue: number;
  readonly rate: Rate;
  /** Bytes per second in both directions together, one value per sample, the newest last. */
  readonly history: readonly number[];
  readonly subflows: number;
}

export type SubflowRole = 'open' | 'backup' | 'opening' | 'closing' | 'stalled';

export interface Subflow {
  readonly socket: SubflowSocket;
  readonly role: SubflowRole;
  readonly interface: string;
  readonly hue: number;
  readonly rate: Rate;
  readonly history: readonly number[];
}

export interface Connection {
  readonly token: number;
  readonly local: SubflowSocket['local'];
  readonly remote: SubflowSocket['remote'];
  /** The connection fell back to plain TCP, so it cannot get further subflows. */
  readonly fallback: boolean;
  /** The initial subflow comes first. */
  readonly subflows: readonly Subflow[];
  /** Number of subflows that can carry data now. */
  readonly usable: number;
  readonly rate: Rate;
  /** Bytes and segments of all its subflows since the start of `watch`, including those that have ended. */
  readonly received: number;
  readonly sent: number;
  readonly retransmits: number;
  /** Round-trip time of the fastest usable subflow in microseconds; null when there is none. */
  readonly rtt: number | null;
}

export interface Change {
  /** Milliseconds of the sampling clock. */
  readonly at: number;
  readonly hue: number;
  /** Interface and address. */
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export interface Model {
  /** Milliseconds of the sampling clock. */
  readonly at: number;
  /** The source of the state: the daemon, or the kernel when no daemon answers. */
  readonly source: string;
  readonly daemon: boolean;
  /** False until the state has been read for the first time. */
  readonly isRead: boolean;
  readonly paths: readonly PathRow[];
  /** Number of addresses that no rule selects. */
  readonly ignored: number;
  readonly connections: readonly Connection[];
  readonly rate: Rate;
  /** The newest comes first. */
  readonly changes: readonly Change[];
  /** Sentences on problems and on state that could not be read. */
  readonly problems: readonly string[];
}

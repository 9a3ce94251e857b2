/** What one frame shows: the state of all paths and connections at one moment. */
import type { SubflowSocket } from '../netlink/diag.ts';

/** Bytes a second, smoothed. */
export interface Rate {
  readonly in: number;
  readonly out: number;
}

/** An uplink, or an address that carries subflows without being one. */
export interface Path {
  readonly interface: string;
  readonly address: string | null;
  /** As in `status`; `no uplink` where no rule selects the address. */
  readonly state: string;
  readonly reason: string;
  /** What stands or is to stand in the kernel, in words; empty: nothing. */
  readonly detail: string;
  /** Kept for the path's life: the same colour in every frame. */
  readonly hue: number;
  readonly rate: Rate;
  /** Bytes a second, in and out together, one for each sample; the newest last. */
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
  /** Plain TCP: nothing can be added to it. */
  readonly fallback: boolean;
  /** The first one first. */
  readonly subflows: readonly Subflow[];
  /** Subflows that can carry data now. */
  readonly usable: number;
  readonly rate: Rate;
  /** Bytes and segments of all its subflows since it is watched, of those that have ended too. */
  readonly received: number;
  readonly sent: number;
  readonly retransmits: number;
  /** Microseconds, of the quickest usable subflow; null without any. */
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
  /** Who says it: the daemon, or the kernel alone. */
  readonly source: string;
  readonly daemon: boolean;
  readonly paths: readonly Path[];
  /** Addresses that nobody meant to use. */
  readonly ignored: number;
  readonly connections: readonly Connection[];
  readonly rate: Rate;
  /** The newest first. */
  readonly changes: readonly Change[];
  /** Sentences on what is wrong or could not be read. */
  readonly problems: readonly string[];
}

/** Reads from the packet counters of a link whether packets move, and whether any arrive. Pure. */
import type { LinkStats } from '../netlink/route/stats.ts';

export interface Gauge {
  readonly stats: LinkStats;
  /** When a counter last grew, in milliseconds by the clock. */
  readonly movedAt: number;
  /** When the counter of received packets last grew, in the same way. */
  readonly receivedAt: number;
  /** Since when packets arrived without a longer pause than PAUSE_MS, until `receivedAt`. */
  readonly flowingSince: number;
}

/** A few intervals of reading. */
const PAUSE_MS = 80;

/** The gauge after the first reading. `now`: milliseconds by the clock. */
export const firstGauge = (stats: LinkStats, now: number): Gauge => ({
  ...{ stats, movedAt: now, receivedAt: now, flowingSince: now },
});

/** The gauge after a further reading. `now`: milliseconds by the clock. */
export function readGauge(before: Gauge, stats: LinkStats, now: number): Gauge {
  const received = stats.received !== before.stats.received;
  const sent = stats.sent !== before.stats.sent;
  return {
    stats,
    movedAt: received || sent ? now : before.movedAt,
    receivedAt: received ? now : before.receivedAt,
    flowingSince: received && now - before.receivedAt > PAUSE_MS ? now : before.flowingSince,
  };
}

/** What the packet counters of a link show: whether packets move, and whether any arrive. Pure. */

export interface PacketCounts {
  readonly received: number;
  /** null: not read. */
  readonly sent: number | null;
}

export interface Gauge {
  readonly stats: PacketCounts;
  /** When a counter last grew, in milliseconds by the clock. */
  readonly movedAt: number;
  /** When the counter of received packets last grew, in the same way. */
  readonly receivedAt: number;
  /** How many readings in succession showed that packets arrive, until the last one that did. */
  readonly streak: number;
}

/** The gauge after the first reading. `now`: milliseconds by the clock. */
export const firstGauge = (stats: PacketCounts, now: number): Gauge => ({
  ...{ stats, movedAt: now, receivedAt: now, streak: 1 },
});

/** The gauge after a further reading. Packets count as sent if it is not known. `now`: milliseconds by the clock. */
export function readGauge(before: Gauge, stats: PacketCounts, now: number): Gauge {
  if (stats.received !== before.stats.received)
    return { stats, movedAt: now, receivedAt: now, streak: before.streak + 1 };
  // Neither counter has grown: the application pauses.
  if (stats.sent === before.stats.sent) return { ...before, stats, streak: 0 };
  return { ...before, stats, movedAt: now };
}

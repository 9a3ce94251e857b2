/** Reads from the packet counters of a link whether packets move, and whether any arrive. Pure. */
import type { LinkStats } from '../netlink/route/stats.ts';

export interface Gauge {
  readonly stats: LinkStats;
  /** When a counter last grew, in milliseconds by the clock. */
  readonly movedAt: number;
  /** When more moved than a few packets that were answered, in the same way. */
  readonly flowedAt: number;
  /** When the counters were last read. */
  readonly readAt: number;
  /** When the counter of received packets last grew, in the same way. */
  readonly receivedAt: number;
  /** Since when packets arrived without a longer pause than PAUSE_MS or a round trip, until `receivedAt`. */
  readonly flowingSince: number;
  /** How many packets arrived in that time. */
  readonly flowed: number;
  /** How long nothing had arrived at the reading before the last, in milliseconds: readings may be late. */
  readonly silentBefore: number;
}

/** A few intervals of reading. A reading that is late is no pause. */
const PAUSE_MS = 80;
/** Two readings so soon after each other are one: the time since the last arrival is that of the first. */
const SAME_MS = 4;
/** After a pause in reading of at least this time, it is not known how packets arrived, and a few are no flow of data. */
const REST_MS = 500;
/** Packets of both directions: requests of ARP and of neighbour discovery, and their answers. */
const FEW_PACKETS = 8;

/** The gauge after the first reading. `now`: milliseconds by the clock. */
export const firstGauge = (stats: LinkStats, now: number): Gauge => ({
  ...{ stats, movedAt: now, flowedAt: now, readAt: now, receivedAt: now, flowingSince: now },
  ...{ flowed: 0, silentBefore: 0 },
});

/**
 * The gauge after a further reading.
 * @param now milliseconds by the clock
 * @param rtt the round-trip time in milliseconds: a sender pauses for as long when its congestion window is full
 */
export function readGauge(before: Gauge, stats: LinkStats, now: number, rtt = 0): Gauge {
  const received = stats.received !== before.stats.received;
  const sent = stats.sent !== before.stats.sent;
  if (!received && !sent && now - before.readAt < SAME_MS) return before;
  const silentBefore = before.readAt - before.receivedAt;
  const paused = silentBefore > Math.max(PAUSE_MS, rtt) || now - before.readAt >= REST_MS;
  return {
    stats,
    movedAt: received || sent ? now : before.movedAt,
    flowedAt: (received || sent) && !isStray(before, stats, now) ? now : before.flowedAt,
    readAt: now,
    receivedAt: received ? now : before.receivedAt,
    flowingSince: received && paused ? now : before.flowingSince,
    flowed: (received && paused ? 0 : before.flowed) + stats.received - before.stats.received,
    silentBefore,
  };
}

/**
 * Whether only a few packets moved in a long time, and as many arrived as were sent: no data waits for an answer. Data
 * of which as few packets move is seen at the next reading, if its answers stop.
 */
function isStray({ stats: before, readAt }: Gauge, stats: LinkStats, now: number): boolean {
  const [received, sent] = [stats.received - before.received, stats.sent - before.sent];
  return now - readAt >= REST_MS && sent <= received && received + sent <= FEW_PACKETS;
}

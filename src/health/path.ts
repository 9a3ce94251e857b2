/** One watched path, and when its sockets are worth reading. */
import { inNetwork } from '../netlink/ip.ts';
import type { Family } from '../netlink/ip.ts';
import type { LinkStats } from '../netlink/route/stats.ts';
import type { SubflowSocket } from '../netlink/diag.ts';
import { end, type Suspicion, type PastSuspicion } from './suspicion.ts';
import { firstGauge, readGauge, type Gauge } from './gauge.ts';
import { NO_SILENCE, type SilenceMemory } from './silence-memory.ts';
import type { JudgeOptions, Judgement, Waits } from './judge.ts';

/** If the path answers within this time, the suspicion was wrong: the peers had failed, not the path. */
const WRONG_SUSPICION_MS = 500;
/** For how long the sockets of such a peer are then ignored. */
const DISTRUST_MS = 60_000;

/**
 * Why a suspicion ends. `answered`: something arrived on the path; `unknown`: nothing is known of the path any more.
 */
export type SuspicionEnd = 'answered' | 'unknown';

export class Path {
  readonly key: string;
  readonly family: Family;
  readonly ifindex: number;
  /** Of the interface, which may be renamed. */
  name = '';
  readonly address: string;
  readonly #prefixLength: number;
  gauge: Gauge | null = null;
  waits: Waits = new Map();
  /** When its sockets may be read again, in milliseconds by the clock. */
  nextReadAt = 0;
  /** When its sockets were last read. */
  lastReadAt = -Infinity;
  /** Milliseconds. Grows while the link sends without receiving and no socket of the path waits for an answer. */
  idlePause = 0;
  /** When data of MPTCP last moved, in milliseconds by the clock; -Infinity: it has no subflow; null: not read yet. */
  movedAt: number | null = null;
  /** The shortest round-trip time of its subflows in milliseconds; null: not known. */
  rtt: number | null = null;
  /** When it last lost segments although it works, in milliseconds by the clock. */
  lostAt = -Infinity;
  /** The longest time in which nothing arrived while data waited although the path works, in milliseconds, and when. */
  gap = 0;
  gapAt = -Infinity;
  /** Data waited for an answer when its sockets were last read. */
  waiting = false;
  suspicion: Suspicion | null = null;
  silence: SilenceMemory = NO_SILENCE;
  past: PastSuspicion | null = null;
  /** Its endpoint is in place. */
  present = true;
  /** Since when its uplink is active or suspect, in milliseconds by the clock. */
  usedSince = -Infinity;
  /** Connections that have no subflow on another path that answers. */
  dependants = 0;
  /** Id of its endpoint, if the kernel makes subflows by itself when that endpoint is added; otherwise undefined. */
  renewable: number | undefined = undefined;
  /** Peers that stopped answering while the path worked, and until when their sockets are ignored. */
  readonly #distrusted = new Map<string, number>();

  constructor(key: string, family: Family, ifindex: number, address: string, prefixLength: number) {
    [this.key, this.family, this.ifindex, this.address] = [key, family, ifindex, address];
    this.#prefixLength = prefixLength;
  }

  /** The subflows that show whether the path works. A peer in the address's own subnet does not use the gateway. */
  select(sockets: readonly SubflowSocket[], now: number): SubflowSocket[] {
    for (const [peer, until] of this.#distrusted) if (until < now) this.#distrusted.delete(peer);
    return sockets.filter(
      ({ local, remote }) =>
        local.address === this.address &&
        !this.#distrusted.has(remote.address) &&
        !inNetwork(remote.address, this.address, this.#prefixLength),
    );
  }

  /** Ends the suspicion, if there is one. `now`: milliseconds by the clock. */
  endSuspicion(now: number, why: SuspicionEnd): void {
    const { suspicion } = this;
    if (!suspicion) return;
    if (why === 'answered' && now - suspicion.began < WRONG_SUSPICION_MS)
      for (const peer of suspicion.peers) this.#distrusted.set(peer, now + DISTRUST_MS);
    this.past = end(suspicion, now);
    this.suspicion = null;
    this.waits = new Map();
    this.waiting = false;
    this.dependants = 0;
  }
}

/** Time between two readings of a link's counters while data moves, in milliseconds. */
export const FAST_MS = 20;
/**
 * A link that has received nothing for this long may be dead: longer than FAST_MS, since one interval proves nothing.
 */
const SILENT_MS = 24;
/**
 * Time between two readings of the sockets of a link that receives, in milliseconds. The kernel walks the host's whole
 * table of sockets each time.
 */
const BACKGROUND_MS = 1_000;
/** Longest pause between two readings of sockets while the link sends without receiving and no subflow waits. */
const LONGEST_IDLE_MS = 500;
/** Part of the budget that is kept for links that send without receiving, in milliseconds. */
const RESERVE_MS = 100;

/**
 * Whether the sockets of the path are worth reading now.
 * @param now milliseconds by the clock
 * @param budget milliseconds that may be spent on reading sockets
 */
export function mayReadSockets(path: Path, now: number, budget: number): boolean {
  const { gauge, nextReadAt, lastReadAt, rtt, waiting } = path;
  if (!gauge || budget <= 0) return false;
  const { receivedAt, movedAt } = gauge;
  const silent = now - receivedAt >= Math.max(SILENT_MS, rtt ?? 0);
  if (silent && (waiting || movedAt > lastReadAt) && now >= nextReadAt) return true;
  // Other traffic may arrive on the link although the path does not work.
  return movedAt > lastReadAt && now - lastReadAt >= BACKGROUND_MS && budget > RESERVE_MS;
}

/**
 * Whether the sockets of the path are read along with those of another path, because they would be worth reading soon:
 * one reading of two paths takes less time than two. Parameters as above.
 */
export const mayShareReading = ({ gauge, lastReadAt }: Path, now: number, budget: number): boolean =>
  gauge !== null &&
  gauge.movedAt > lastReadAt &&
  now - lastReadAt >= BACKGROUND_MS / 2 &&
  budget > RESERVE_MS;

/** After a path has come back, TCP repeats for this long what was lost meanwhile; the path itself is not lossy. */
const REPAIR_MS = 2_000;
/** How long a path that lost segments counts as lossy. */
const LOSSY_MS = 30_000;

/** Shorter times without an answer, in milliseconds, are usual, and longer ones are outages. */
const SHORTEST_GAP_MS = 100;
const LONGEST_GAP_MS = 400;
/** For how long answers may then take as long again, and by how much longer they may take. */
const GAP_MEMORY_MS = 600_000;
const GAP_FACTOR = 1.25;

/** Records a reading of the link's counters, and how late answers came. `now`: milliseconds by the clock. */
export function recordStats(path: Path, stats: LinkStats, now: number): void {
  const before = path.gauge;
  path.gauge = before ? readGauge(before, stats, now, path.rtt ?? 0) : firstGauge(stats, now);
  if (!before || path.gauge.receivedAt !== now || !path.waiting) return;
  const gap = now - before.receivedAt;
  const known = now - path.gapAt < GAP_MEMORY_MS ? path.gap : 0;
  if (gap < Math.max(SHORTEST_GAP_MS, known / GAP_FACTOR) || gap > LONGEST_GAP_MS) return;
  path.gap = Math.max(known, gap);
  path.gapAt = now;
}

/** What `judge` must know of the path beside its sockets. `now`: milliseconds by the clock. */
export const judgeOptions = ({ lostAt, usedSince, gap, gapAt }: Path, now: number): JudgeOptions => ({
  lossy: now - lostAt < LOSSY_MS,
  usedSince,
  least: now - gapAt < GAP_MEMORY_MS ? gap * GAP_FACTOR : 0,
});

/** Records in the path the judgement on its sockets. `now`: milliseconds by the clock. */
export function recordJudgement(path: Path, judgement: Judgement, now: number): void {
  const { waits, verdict, movedAt, rtt } = judgement;
  path.waits = waits;
  if (judgement.isLosing && now - (path.past?.ended ?? -Infinity) > REPAIR_MS) path.lostAt = now;
  path.movedAt = movedAt ?? -Infinity;
  path.rtt = rtt;
  path.lastReadAt = now;
  path.waiting = verdict.kind !== 'idle';
  if (verdict.kind === 'idle')
    path.idlePause = Math.min(LONGEST_IDLE_MS, Math.max(FAST_MS, path.idlePause * 2));
  else path.idlePause = 0;
  path.nextReadAt = now + (verdict.kind === 'waiting' ? (verdict.next ?? 2 * FAST_MS) : path.idlePause);
}

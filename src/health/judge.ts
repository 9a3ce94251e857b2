/**
 * Judges by its subflows whether a path answers. A path is stalled if a subflow waits for an answer for longer than its
 * round-trip time explains, and nothing arrives on the path. Pure: sockets and a time in, a verdict out.
 */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { Traffic } from '../netlink/tcp-info.ts';
import { answerLimit, type AnswerTime } from './answer-time.ts';

/** The state of a subflow that is kept until its socket is read again. */
export interface Wait {
  /** When the first unacknowledged data was sent at the latest, in milliseconds by the clock; null: none waits. */
  readonly since: number | null;
  /** Segments that had been sent again before then. */
  readonly retransmits: number;
  /** Segments that waited when this wait was first read. */
  readonly unacked: number;
  /** Segments that had been lost until the last reading. */
  readonly lost: number;
}

/** By the cookie of the socket. */
export type Waits = ReadonlyMap<number, Wait>;

export type Verdict =
  /** Nothing waits for an answer. */
  | { readonly kind: 'idle' }
  /** Answers arrive, or may still arrive in time. `next`: milliseconds until one is overdue; null: answers arrive. */
  | { readonly kind: 'waiting'; readonly next: number | null }
  /** Nothing has arrived on the path for `unanswered` milliseconds while data was waiting. */
  | { readonly kind: 'stalled'; readonly unanswered: number; readonly cookies: ReadonlySet<number> };

export interface Judgement {
  readonly waits: Waits;
  readonly verdict: Verdict;
  /** When data last moved on the path in either direction, in milliseconds by the clock; null: it has no subflow. */
  readonly movedAt: number | null;
  /** When anything last arrived, in the same way. */
  readonly arrivedAt: number | null;
  /** Segments were lost since the last reading, and the path works. */
  readonly isLosing: boolean;
  /** The shortest round-trip time in milliseconds; null: not known. */
  readonly rtt: number | null;
}

/**
 * How many segments without an answer make a path stalled, retransmissions included. The loss of one segment does not
 * prove a dead path. The number is higher if only one segment is unacknowledged, because TCP then probes late (RFC 8985
 * section 7).
 */
const MIN_SEGMENTS = 3;
const MIN_SEGMENTS_SINGLE = 4;
/**
 * A flight of at least this many segments is not lost by chance. After a smaller flight, a retransmission must be lost
 * too.
 */
const FLIGHT_SEGMENTS = 8;
/** On a path that loses segments although it works, answers may take this many times as long. */
const LOSSY_FACTOR = 2;
/** Shortest time between two readings of the same path, in milliseconds. */
const MIN_PAUSE_MS = 8;

/** A subflow whose answer is overdue. */
interface Overdue {
  readonly cookie: number;
  readonly since: number;
  /** Segments without an answer since then, retransmissions included. */
  readonly segments: number;
  /** Only one segment is unacknowledged. */
  readonly isSingle: boolean;
}

export interface JudgeOptions {
  /** The path has lost segments lately. */
  readonly lossy: boolean;
  /**
   * Since when the path is in use, in milliseconds by the clock. Data that was last sent before, while the link had no
   * carrier, does not wait for an answer: TCP sends it again when its timer ends, which may take seconds.
   */
  readonly usedSince?: number;
  /** How long an answer may take at least, in milliseconds: it has taken nearly as long although the path works. */
  readonly least?: number;
}

/**
 * Judges one path.
 * @param before waits that the previous call returned
 * @param sockets the subflows of the path
 * @param now milliseconds by the clock
 */
export function judge(
  before: Waits,
  sockets: readonly SubflowSocket[],
  now: number,
  answerTime: AnswerTime,
  options: JudgeOptions = { lossy: false },
): Judgement {
  const waits = new Map<number, Wait>();
  const overdue: Overdue[] = [];
  let next: number | null = null;
  let isWaiting = false;
  let isLosing = false;
  let arrivedAt: number | null = null;
  let movedAt: number | null = null;
  let rtt: number | null = null;
  for (const socket of sockets) {
    const { cookie, traffic } = socket;
    if (!isCarrying(socket) || !traffic) continue;
    const arrived = now - Math.min(traffic.sinceAck, traffic.sinceData);
    arrivedAt = Math.max(arrivedAt ?? -Infinity, arrived);
    movedAt = Math.max(movedAt ?? -Infinity, now - Math.min(traffic.sinceSent, traffic.sinceData));
    if (traffic.rtt > 0) rtt = Math.min(rtt ?? Infinity, traffic.rtt / 1000);
    const known = before.get(cookie);
    const wait = waitOf(known, traffic, arrived, now, options.usedSince ?? -Infinity);
    // A single lost segment may be TCP's probe, which the peer reports as a duplicate later.
    const lost = known === undefined ? 0 : wait.lost - known.lost;
    isLosing ||= lost > 1 && arrived > (known?.since ?? -Infinity);
    waits.set(cookie, wait);
    if (wait.since === null) continue;
    isWaiting = true;
    const usual = answerLimit(traffic, answerTime) * (options.lossy ? LOSSY_FACTOR : 1);
    const limit = Math.max(usual, options.least ?? 0);
    const left = wait.since + limit - now;
    if (left > 0) next = Math.min(next ?? Infinity, left);
    else if (isProven(traffic, wait, limit, options)) {
      const segments = traffic.unacked + traffic.retransmits - wait.retransmits;
      overdue.push({ cookie, since: wait.since, segments, isSingle: traffic.unacked === 1 });
    }
  }
  const verdict: Verdict = isWaiting ? verdictOnWaits(overdue, arrivedAt!, next, now) : { kind: 'idle' };
  return { waits, verdict, movedAt, arrivedAt, isLosing, rtt };
}

/** Whether the overdue answer of a subflow cannot be explained by the loss of a few segments. */
function isProven(traffic: Traffic, wait: Wait, limit: number, { lossy }: JudgeOptions): boolean {
  // On a lossy path TCP's retransmission timer must have run out.
  if (lossy) return traffic.timeouts > 0 && traffic.sinceSent >= limit / 2;
  const isRepeated = traffic.unacked > wait.unacked || traffic.retransmits > wait.retransmits;
  return isRepeated || traffic.unacked + traffic.retransmits - wait.retransmits >= FLIGHT_SEGMENTS;
}

/** The verdict on a path on which data waits. `arrivedAt`: when anything last arrived. `next`: as in Verdict. */
function verdictOnWaits(
  overdue: readonly Overdue[],
  arrivedAt: number,
  next: number | null,
  now: number,
): Verdict {
  // If anything arrived after the data was sent, the path works and only this peer does not answer.
  const silent = overdue.filter(({ since }) => since >= arrivedAt);
  const segments = silent.reduce((sum, each) => sum + each.segments, 0);
  const least = silent.every(({ isSingle }) => isSingle) ? MIN_SEGMENTS_SINGLE : MIN_SEGMENTS;
  if (segments < least)
    return { kind: 'waiting', next: next === null ? null : Math.max(MIN_PAUSE_MS, Math.ceil(next)) };
  const unanswered = now - Math.min(...silent.map(({ since }) => since));
  return { kind: 'stalled', unanswered, cookies: new Set(silent.map(({ cookie }) => cookie)) };
}

/**
 * The wait of one subflow. The kernel reports when data was last sent, not when the first unacknowledged data was
 * sent. The first reading that finds unacknowledged data therefore dates the begin of the wait to the last send.
 * @param arrived when anything last arrived on the subflow, in milliseconds by the clock
 */
function waitOf(
  before: Wait | undefined,
  traffic: Traffic,
  arrived: number,
  now: number,
  usedSince: number,
): Wait {
  const { unacked, retransmits, duplicates, sinceSent } = traffic;
  const lost = retransmits - duplicates;
  if (unacked === 0 || now - sinceSent < usedSince) return { since: null, retransmits, unacked, lost };
  if (before && before.since !== null && arrived <= before.since) return { ...before, lost };
  const since = Math.max(arrived, now - sinceSent);
  return { since, retransmits: before?.retransmits ?? retransmits, unacked, lost };
}

/**
 * Judges by its subflows whether a path answers. A path is stalled if a subflow waits for an answer for longer than its
 * round-trip time explains, and nothing arrives on the path. Pure: sockets and a time in, a verdict out.
 */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { Traffic } from '../netlink/tcp-info.ts';
import { answerLimit, type AnswerTime } from './answer-time.ts';

/** What is remembered of a subflow until its socket is read again. */
export interface Wait {
  /** When the first unacknowledged data was sent at the latest, in milliseconds by the clock; null: none waits. */
  readonly since: number | null;
  /** Segments that had been sent in all when this wait was first read, without those that were sent again since an answer. */
  readonly segments: number;
  /** Segments that were in flight then. */
  readonly inFlight: number;
  /** Segments that had been lost until the last reading. */
  readonly lost: number;
  /** When its socket was read last, in milliseconds by the clock, and `busy` of Traffic then. */
  readonly readAt: number;
  readonly busy: number | null;
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
  /** The shortest time in milliseconds after which an answer is overdue; null: not known. */
  readonly limit: number | null;
}

/**
 * How many segments without an answer make a path stalled, retransmissions included. The loss of one segment does not
 * prove a dead path. For a single segment TCP probes late (RFC 8985 section 7), so the number is higher.
 */
const MIN_SEGMENTS = 3;
const MIN_SEGMENTS_SINGLE = 4;
/** More are not asked for, however many segments the path loses. */
const MAX_SEGMENTS = 12;
/** So improbable must it be that the path works and all of these segments, or their acknowledgements, were lost. */
const CHANCE = 1e-6;
/** Segments without a loss that are added to those of the path, so that few segments do not show a path without loss. */
const PRIOR_SEGMENTS = 200;
/**
 * A flight of this many segments more is not lost by chance. After a smaller one a segment that was sent later must be
 * lost too, because a burst may be lost as a whole.
 */
const FLIGHT_SEGMENTS = 5;
/** From this many segments in flight on, the peer does not delay its acknowledgement (RFC 5681 section 4.2). */
const PROMPT_SEGMENTS = 3;
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
   * When the link, which had been sending and receiving steadily, last received anything: by then the first of several
   * segments in flight had been sent. In milliseconds by the clock; null: not known.
   */
  readonly steadyUntil: number | null;
}

const UNKNOWN: JudgeOptions = { lossy: false, steadyUntil: null };

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
  options: JudgeOptions = UNKNOWN,
): Judgement {
  const waits = new Map<number, Wait>();
  const overdue: Overdue[] = [];
  let next: number | null = null;
  let isWaiting = false;
  let isLosing = false;
  let arrivedAt: number | null = null;
  let movedAt: number | null = null;
  let rtt: number | null = null;
  let shortest: number | null = null;
  const least = leastSegments(sockets);
  for (const socket of sockets) {
    const { cookie, traffic } = socket;
    if (!isCarrying(socket) || !traffic) continue;
    const arrived = now - Math.min(traffic.sinceAck, traffic.sinceData);
    arrivedAt = Math.max(arrivedAt ?? -Infinity, arrived);
    movedAt = Math.max(movedAt ?? -Infinity, now - Math.min(traffic.sinceSent, traffic.sinceData));
    const limit = answerLimit(traffic, answerTime) * (options.lossy ? LOSSY_FACTOR : 1);
    shortest = Math.min(shortest ?? Infinity, limit);
    if (traffic.rtt > 0) rtt = Math.min(rtt ?? Infinity, traffic.rtt / 1000);
    const known = before.get(cookie);
    const wait = waitOf(known, traffic, { arrived, now, steadyUntil: options.steadyUntil });
    // A single lost segment may be TCP's probe, which the peer reports as a duplicate later.
    const lost = known === undefined ? 0 : wait.lost - known.lost;
    // What a dead path makes TCP send again is no sign of a lossy one.
    isLosing ||=
      lost > 1 && traffic.timeouts === 0 && now - arrived < limit && arrived > (known?.since ?? -Infinity);
    waits.set(cookie, wait);
    if (wait.since === null) continue;
    isWaiting = true;
    const left = wait.since + limit - now;
    if (left > 0) next = Math.min(next ?? Infinity, left);
    else if (isProven(traffic, wait, limit, least, options))
      overdue.push({
        cookie,
        since: wait.since,
        segments: unansweredOf(traffic, wait),
        isSingle: traffic.unacked === 1,
      });
  }
  const verdict: Verdict = isWaiting
    ? verdictOn(overdue, arrivedAt!, { next, now, least })
    : { kind: 'idle' };
  return { waits, verdict, movedAt, arrivedAt, isLosing, rtt, limit: shortest };
}

/** Segments without an answer since the wait began: those that were in flight then, and all that were sent since. */
const unansweredOf = ({ segments }: Traffic, wait: Wait): number => wait.inFlight + segments - wait.segments;

/**
 * How many segments without an answer prove that the path is dead, by the share that it has lost so far. The loss of an
 * acknowledgement looks the same, and is assumed to be as frequent.
 */
function leastSegments(sockets: readonly SubflowSocket[]): number {
  let lost = 0;
  let sent = 0;
  for (const { traffic } of sockets) {
    if (!traffic) continue;
    lost += Math.max(0, traffic.retransmits - traffic.duplicates);
    sent += traffic.segments;
  }
  const share = Math.min(0.5, (2 * (lost + 1)) / (sent + PRIOR_SEGMENTS));
  return Math.min(MAX_SEGMENTS, Math.max(MIN_SEGMENTS, Math.ceil(Math.log(CHANCE) / Math.log(share))));
}

/** Whether the overdue answer of a subflow cannot be explained by the loss of a few segments. */
function isProven(
  traffic: Traffic,
  wait: Wait,
  limit: number,
  least: number,
  { lossy }: JudgeOptions,
): boolean {
  // On a lossy path TCP's retransmission timer must have run out.
  if (lossy) return traffic.timeouts > 0 && traffic.sinceSent >= limit / 2;
  return traffic.segments > wait.segments || wait.inFlight >= least + FLIGHT_SEGMENTS;
}

/** The verdict on a path on which data waits. `arrivedAt`: when anything last arrived. `next`: as in Verdict. */
function verdictOn(
  overdue: readonly Overdue[],
  arrivedAt: number,
  { next, now, least }: { readonly next: number | null; readonly now: number; readonly least: number },
): Verdict {
  // If anything arrived after the data was sent, the path works and only this peer does not answer.
  const silent = overdue.filter(({ since }) => since >= arrivedAt);
  const segments = silent.reduce((sum, each) => sum + each.segments, 0);
  const isSingle = silent.every((each) => each.isSingle);
  if (segments < (isSingle ? Math.max(least, MIN_SEGMENTS_SINGLE) : least))
    return { kind: 'waiting', next: next === null ? null : Math.max(MIN_PAUSE_MS, Math.ceil(next)) };
  const unanswered = now - Math.min(...silent.map(({ since }) => since));
  return { kind: 'stalled', unanswered, cookies: new Set(silent.map(({ cookie }) => cookie)) };
}

/**
 * The wait of one subflow. The kernel reports when data was last sent, not when the first unacknowledged data was sent.
 * So the first reading that finds unacknowledged data takes the time of the last send as the begin of the wait, less
 * the time of TCP's own timeouts.
 */
function waitOf(
  before: Wait | undefined,
  traffic: Traffic,
  {
    arrived,
    now,
    steadyUntil,
  }: { readonly arrived: number; readonly now: number; readonly steadyUntil: number | null },
): Wait {
  const { unacked, inFlight, repeated, segments, retransmits, duplicates, sinceSent, timedOut } = traffic;
  const lost = retransmits - duplicates;
  const read = { lost, readAt: now, busy: traffic.busy };
  if (unacked === 0) return { since: null, segments, inFlight, ...read };
  if (before && before.since !== null && arrived <= before.since) return { ...before, ...read };
  const isSteady = steadyUntil !== null && inFlight >= PROMPT_SEGMENTS;
  const sent = Math.min(
    now - sinceSent - timedOut,
    isSteady ? steadyUntil : Infinity,
    Math.max(arrived, before?.readAt ?? now) + idleTime(before, traffic, now),
  );
  return {
    since: Math.max(arrived, sent),
    segments: segments - repeated,
    inFlight: Math.max(1, inFlight),
    ...read,
  };
}

/** Resolution of the kernel's times in milliseconds, at 100 Hz. */
const TICK_MS = 10;

/**
 * For how long in all nothing waited since the last reading, in milliseconds: what waits now was sent at most so long
 * after the last arrival or, if that was earlier, the last reading.
 */
const idleTime = (before: Wait | undefined, { busy }: Traffic, now: number): number =>
  before && before.busy !== null && busy !== null
    ? Math.max(0, now - before.readAt - (busy - before.busy)) + TICK_MS
    : Infinity;

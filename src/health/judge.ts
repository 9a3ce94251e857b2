/**
 * Judges a path by its subflows: whether what they sent is answered. A sender that waits for longer than its round-trip
 * time explains, while nothing at all arrives on the path, is the sign. Pure: sockets and a time in, a verdict out.
 */
import type { SubflowSocket, Traffic } from '../netlink/diag.ts';
import { answerLimit, type Factors } from './factors.ts';

/** What is remembered of a subflow until the next look. */
export interface Wait {
  /** When the first of the data that waits was certainly sent, in milliseconds by the clock; null: none waits. */
  readonly since: number | null;
  /** Segments that had been sent again before then. */
  readonly retransmits: number;
  /** Segments that waited at the first look at this wait. */
  readonly unacked: number;
  /** Segments that had been lost at the last look. */
  readonly lost: number;
}

/** By the cookie of the socket. */
export type Waits = ReadonlyMap<number, Wait>;

export type Verdict =
  /** Nothing waits for an answer. */
  | { readonly kind: 'idle' }
  /** Answers arrive, or may still arrive in time; `next`: milliseconds until that is over; null: answers arrive. */
  | { readonly kind: 'waiting'; readonly next: number | null }
  /** Nothing has arrived on the path for `unanswered` milliseconds while data was waiting. */
  | { readonly kind: 'stalled'; readonly unanswered: number; readonly cookies: ReadonlySet<number> };

export interface Judgement {
  readonly waits: Waits;
  readonly verdict: Verdict;
  /** When data last moved on the path in either direction, in milliseconds by the clock; null: it has no subflow. */
  readonly movedAt: number | null;
  /** When anything last arrived, in the same way. */
  readonly heardAt: number | null;
  /** Segments were lost since the last look, and the path works. */
  readonly loses: boolean;
  /** The shortest round-trip time in milliseconds; null: not known. */
  readonly rtt: number | null;
}

/**
 * Segments without an answer that are needed for a verdict, those sent again included: a lost segment is no dead path.
 * TCP probes for the loss of a lone one late, so a lone one takes more.
 */
const LEAST_SEGMENTS = 3;
const LEAST_SEGMENTS_ALONE = 4;
/** So many are not lost by chance; fewer may be lost as one, and another transmission must have been lost after them. */
const FLIGHT_SEGMENTS = 8;
/** On a path that loses segments although it works an answer has LOSSY times as long, and TCP's timer must have run out. */
const LOSSY = 2;
/** Shortest pause between two looks at the same path, in milliseconds. */
const LEAST_PAUSE_MS = 8;

const CARRYING = new Set(['ESTAB', 'CLOSE-WAIT']);

/** Whether a subflow can carry data. */
export const isCarrying = ({ state }: SubflowSocket): boolean => CARRYING.has(state);

/** `sockets`: the subflows of one path. `now`: milliseconds by the clock. `lossy`: the path has lost segments lately. */
export function judge(
  before: Waits,
  sockets: readonly SubflowSocket[],
  now: number,
  factors: Factors,
  lossy = false,
): Judgement {
  const carrying = sockets.flatMap((socket) =>
    isCarrying(socket) && socket.traffic ? [{ cookie: socket.cookie, traffic: socket.traffic }] : [],
  );
  const waits = new Map<number, Wait>();
  const late: {
    readonly cookie: number;
    readonly since: number;
    readonly segments: number;
    readonly alone: boolean;
  }[] = [];
  let next: number | null = null;
  let waiting = false;
  let loses = false;
  let heardAt: number | null = null;
  let movedAt: number | null = null;
  let rtt: number | null = null;
  for (const { cookie, traffic } of carrying) {
    const heard = heardTime(traffic, now);
    heardAt = Math.max(heardAt ?? -Infinity, heard);
    movedAt = Math.max(movedAt ?? -Infinity, now - Math.min(traffic.sinceSent, traffic.sinceData));
    if (traffic.rtt > 0) rtt = Math.min(rtt ?? Infinity, traffic.rtt / 1000);
    const known = before.get(cookie);
    const wait = waitOf(known, traffic, heard, now);
    // A single one may be TCP's probe, which the peer reports as a duplicate later.
    const lost = known === undefined ? 0 : wait.lost - known.lost;
    loses ||= lost > 1 && heard > (known?.since ?? -Infinity);
    waits.set(cookie, wait);
    if (wait.since === null) continue;
    waiting = true;
    const limit = answerLimit(traffic, factors) * (lossy ? LOSSY : 1);
    const left = wait.since + limit - now;
    const segments = traffic.unacked + traffic.retransmits - wait.retransmits;
    const repeated = traffic.unacked > wait.unacked || traffic.retransmits > wait.retransmits;
    const enough = lossy
      ? traffic.timeouts > 0 && traffic.sinceSent >= limit / 2
      : repeated || segments >= FLIGHT_SEGMENTS;
    if (left <= 0 && enough) late.push({ cookie, since: wait.since, segments, alone: traffic.unacked === 1 });
    else if (left > 0) next = Math.min(next ?? Infinity, left);
  }
  return { waits, movedAt, heardAt, rtt, loses, verdict: verdictOf() };

  function verdictOf(): Verdict {
    if (!waiting) return { kind: 'idle' };
    // What arrived after the data was sent shows that the path works, and only that peer does not answer.
    const unheard = late.filter(({ since }) => since >= heardAt!);
    const segments = unheard.reduce((sum, each) => sum + each.segments, 0);
    const alone = unheard.every((each) => each.alone);
    const least = alone ? LEAST_SEGMENTS_ALONE : LEAST_SEGMENTS;
    if (segments >= least) {
      const unanswered = now - Math.min(...unheard.map(({ since }) => since));
      return { kind: 'stalled', unanswered, cookies: new Set(unheard.map(({ cookie }) => cookie)) };
    }
    return { kind: 'waiting', next: next === null ? null : Math.max(LEAST_PAUSE_MS, Math.ceil(next)) };
  }
}

const heardTime = ({ sinceAck, sinceData }: Traffic, now: number): number =>
  now - Math.min(sinceAck, sinceData);

/**
 * The kernel reports when data was sent last, not when the first of what waits was sent. So a wait begins no earlier
 * than the last sending at the first look at it.
 */
function waitOf(before: Wait | undefined, traffic: Traffic, heard: number, now: number): Wait {
  const { unacked, retransmits, duplicates, sinceSent } = traffic;
  const lost = retransmits - duplicates;
  if (unacked === 0) return { since: null, retransmits, unacked, lost };
  if (before && before.since !== null && heard <= before.since) return { ...before, lost };
  const since = Math.max(heard, now - sinceSent);
  return { since, retransmits: before?.retransmits ?? retransmits, unacked, lost };
}

/**
 * Finds paths on which the peers' data stopped arriving. The receiver cannot tell a dead path from an application that
 * pauses, so a new subflow must try the path (daemon/join-probe.ts). Pure; times in milliseconds by the clock.
 */
import { isCarrying, type ConnectionSocket, type SubflowSocket } from '../netlink/diag.ts';
import { answerLimit, type AnswerTime } from './answer-time.ts';
import { tokensElsewhere } from './decide.ts';
import type { Gauge } from './gauge.ts';
import type { Path } from './path.ts';

export interface Silence {
  /** When anything last arrived on the path. */
  readonly since: number;
  /** How long the answer to a SYN may take, in milliseconds. */
  readonly limit: number;
  /** The shortest silence that is noticed, in milliseconds. */
  readonly noticed: number;
  /** The connections whose data stopped, and which have a subflow elsewhere. */
  readonly tokens: ReadonlySet<number>;
}

/**
 * Data must have arrived without a pause for this long, and for this many round trips, in this many packets: less is the
 * answer to a request.
 */
const MIN_FLOW_MS = 200;
const MIN_FLOW_TRIPS = 2;
const MIN_FLOW_PACKETS = 32;
/** Bytes that must have arrived on a subflow: answers to a few requests are no stream that may have stopped. */
const MIN_RECEIVED = 16_384;
/** A silence that should have been noticed longer ago at the reading before is not new. */
const MAX_SILENCE_MS = 1_000;
/** The shortest silence that is noticed: more than one interval of reading, since one proves nothing. */
const MIN_SILENCE_MS = 30;
/** A silence is noticed after this part of the time that an answer may take. */
const NOTICED_PART = 0.5;
/** A SYN is answered at once; an acknowledgement may be delayed. */
const SYN_PART = 0.6;

/**
 * Without the variation of the round-trip time: who only receives has measured it once, at the handshake, and the kernel
 * then takes half of the time for it. `rtt` in microseconds.
 */
const limitFor = (rtt: number, time: AnswerTime): number => answerLimit({ rtt, rttVariation: 0 }, time);

/** How long the answer to a SYN may take on a path with these subflows, in milliseconds. */
export const synLimit = (sockets: readonly SubflowSocket[], time: AnswerTime): number =>
  SYN_PART * Math.max(0, ...sockets.map(({ traffic }) => limitFor(traffic?.rtt ?? 0, time)));

/** After how many milliseconds a silence of the path is noticed. */
const noticedAfter = ({ rtt }: Path, time: AnswerTime): number =>
  Math.max(MIN_SILENCE_MS, limitFor((rtt ?? 0) * 1000, time) * NOTICED_PART);

/** Whether what arrived last was a stream of data. `rtt`: milliseconds. */
const isStream = ({ receivedAt, flowingSince, flowed }: Gauge, rtt: number): boolean =>
  flowed >= MIN_FLOW_PACKETS && receivedAt - flowingSince >= Math.max(MIN_FLOW_MS, MIN_FLOW_TRIPS * rtt);

/**
 * When the path may be probed because of a silence whose sockets have not been read yet, if nothing arrives until then,
 * in milliseconds by the clock; null: the link's counters show none.
 */
export function probeDue(path: Path, time: AnswerTime): number | null {
  const { gauge, waiting, silence } = path;
  if (!gauge || waiting || gauge.receivedAt === silence.seenAt) return null;
  const noticed = noticedAfter(path, time);
  if (gauge.silentBefore > noticed + MAX_SILENCE_MS) return null;
  if (!isStream(gauge, path.rtt ?? 0)) return null;
  return Math.max(gauge.receivedAt + noticed, silence.nextProbeAt);
}

/** Whether that time has come. */
export function mayBeSilent(path: Path, now: number, time: AnswerTime): boolean {
  const due = probeDue(path, time);
  return due !== null && now >= due;
}

/**
 * The silence of a path.
 * @param sockets all subflows of the namespace
 * @param suspect addresses of suspect paths
 * @returns null: data arrives, waits for an answer, or would have no other way
 */
export function findSilence(
  path: Path,
  sockets: readonly SubflowSocket[],
  suspect: ReadonlySet<string>,
  now: number,
  time: AnswerTime,
): Silence | null {
  const own = path.select(sockets, now).filter(isCarrying);
  const ages = own.flatMap(({ traffic }) => (traffic ? Math.min(traffic.sinceData, traffic.sinceAck) : []));
  const youngest = Math.min(...ages);
  // What waits for an acknowledgement is judged by it.
  if (own.some(({ traffic }) => (traffic?.unacked ?? 0) > 0)) return null;
  const working = tokensElsewhere(path.address, sockets, suspect);
  const longest = noticedAfter(path, time) + MAX_SILENCE_MS + sinceReading(path, now);
  const stopped = own.filter(
    ({ opened, token, traffic }) =>
      opened &&
      working.has(token) &&
      traffic !== null &&
      youngest >= limitFor(traffic.rtt, time) * NOTICED_PART &&
      traffic.sinceData <= longest &&
      traffic.received >= MIN_RECEIVED,
  );
  if (stopped.length === 0) return null;
  const limit = synLimit(stopped, time);
  const tokens = new Set(stopped.map(({ token }) => token));
  return { since: now - youngest, limit, noticed: (limit / SYN_PART) * NOTICED_PART, tokens };
}

/** Milliseconds since the reading of the counters before the last. */
const sinceReading = ({ gauge }: Path, now: number): number =>
  gauge === null ? 0 : now - gauge.receivedAt - gauge.silentBefore;

/**
 * When the silent connections will have got no data in sequence from their other subflows either, in milliseconds from
 * now; 0: one of them has not already. While a connection gets data, its peer only prefers another path. null: not known.
 */
export function stallsIn(
  { tokens, noticed }: Pick<Silence, 'tokens' | 'noticed'>,
  connections: readonly Pick<ConnectionSocket, 'token' | 'sinceData'>[],
): number | null {
  const ages = connections.flatMap(({ token, sinceData }) => (tokens.has(token) ? (sinceData ?? []) : []));
  return ages.length === 0 ? null : Math.max(0, noticed - Math.max(...ages));
}

/** The kernel counts these times in ticks, of at most 10 ms. */
const TICK_MS = 12;

/** Whether anything has arrived on this address since then. */
export const hasArrived = (
  address: string,
  sockets: readonly SubflowSocket[],
  since: number,
  now: number,
): boolean =>
  sockets.some(
    (socket) =>
      socket.local.address === address &&
      isCarrying(socket) &&
      socket.traffic !== null &&
      now - Math.min(socket.traffic.sinceData, socket.traffic.sinceAck) > since + TICK_MS,
  );

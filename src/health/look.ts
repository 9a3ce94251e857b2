/**
 * When the counters of a link and the sockets of a path are read. A path that receives was alive until then, so
 * nothing is read before its silence could last for as long as an answer may take. Pure.
 */
import type { SubflowSocket } from '../netlink/diag.ts';
import type { Judgement } from './judge.ts';
import type { Path } from './path.ts';

/** Shortest and longest time between two readings of a link's counters while data moves, in milliseconds. */
const FAST_MS = 40;
const LONGEST_FAST_MS = 200;
/** That time as a part of the time that an answer may take. */
const PART = 0.5;
/** While no data moves: for RESTED_MS, so that data is noticed early after a short pause, and later. */
const RESTING_MS = 250;
const RESTED_MS = 10_000;
const SLOW_MS = 1_000;
/** After this time without data the path counts as resting. */
const ACTIVE_MS = 1_000;
/** A link that has received nothing for this long may be dead: one reading proves nothing. */
const SILENT_MS = 24;
/** Time between two readings of sockets on a link that receives: other traffic may arrive although the path is dead. */
const BACKGROUND_MS = 250;
/** Longest pause between two readings of sockets while the link sends without receiving and no subflow waits. */
const LONGEST_IDLE_MS = 500;
/** Pause after an alarm on which nothing could be done, which doubles each time. */
const FIRST_VAIN_MS = 100;
const LONGEST_VAIN_MS = 2_000;
/** Time between two readings of all sockets of a path whose link receives; doubles while they do not move. */
const LIST_MS = 1_000;
const LONGEST_LIST_MS = 8_000;
/** A link is steady if it received between as many readings in succession. */
const STEADY_LOOKS = 3;
/** How many subflows are read in place of all. */
const SAMPLE = 8;

/** `silent`: the link sends and does not receive. `background`: it receives, but maybe not from the peers. */
export type SocketsDue = 'silent' | 'background';

/** Whether the sockets of the path are to be read now; null: no. `now`: milliseconds by the clock. */
export function socketsDue(path: Path, now: number): SocketsDue | null {
  const { gauge, nextReadAt, lastReadAt, rtt, waiting } = path;
  // An event announces the first subflow.
  if (!gauge || now < nextReadAt || path.movedAt === -Infinity) return null;
  const { receivedAt, movedAt } = gauge;
  const silent = now - receivedAt >= Math.max(SILENT_MS, rtt ?? 0);
  if (silent && (waiting || movedAt > lastReadAt)) return 'silent';
  return movedAt > lastReadAt && now - lastReadAt >= BACKGROUND_MS ? 'background' : null;
}

/** Whether a subflow sent data that is not acknowledged, or moved data since `since`, in milliseconds by the clock. */
export const explains = ({ traffic }: SubflowSocket, now: number, since: number): boolean =>
  traffic !== null && (traffic.unacked > 0 || now - Math.min(traffic.sinceSent, traffic.sinceData) > since);

/** Whether all sockets of the path may be read now because those of its sample do not explain what moves. */
export const isListDue = (path: Path, why: SocketsDue, now: number): boolean =>
  why === 'silent' || now - path.listedAt >= path.listPause;

/** Records in the path that all of its sockets were read. `now`: milliseconds by the clock. */
export function recordList(path: Path, sockets: readonly SubflowSocket[], now: number): void {
  const hasMoved = sockets.some((socket) => explains(socket, now, path.lastReadAt));
  path.listPause = hasMoved ? LIST_MS : Math.min(LONGEST_LIST_MS, Math.max(LIST_MS, path.listPause * 2));
  path.listedAt = now;
  path.sample = sampleOf(sockets);
}

/** The subflows to read in place of all: those that wait for an answer, then those that moved data last. */
function sampleOf(sockets: readonly SubflowSocket[]): SubflowSocket[] {
  const rank = ({ traffic }: SubflowSocket): number =>
    traffic ? (traffic.unacked > 0 ? -1 : Math.min(traffic.sinceSent, traffic.sinceData)) : Infinity;
  return [...sockets].sort((one, other) => rank(one) - rank(other)).slice(0, SAMPLE);
}

/** For JudgeOptions: when a link that had been receiving steadily last did. */
export function steadyUntil({ gauge, limit }: Path): number | null {
  if (!gauge || gauge.streak < STEADY_LOOKS) return null;
  return gauge.receivedAt + lookInterval(limit) / 4;
}

/** Records in the path what its sockets showed. `now`: milliseconds by the clock. */
export function recordJudgement(path: Path, judgement: Judgement, why: SocketsDue, now: number): void {
  const { waits, verdict, movedAt, rtt, limit } = judgement;
  path.waits = waits;
  if (judgement.isLosing) path.lostAt = now;
  path.movedAt = movedAt ?? -Infinity;
  path.rtt = rtt;
  path.limit = limit;
  path.lastReadAt = now;
  path.waiting = verdict.kind !== 'idle';
  if (verdict.kind !== 'idle' || why === 'background') path.idlePause = 0;
  else path.idlePause = Math.min(LONGEST_IDLE_MS, Math.max(FAST_MS, path.idlePause * 2));
  if (verdict.kind !== 'stalled') path.vainPause = 0;
  path.nextReadAt = now + (verdict.kind === 'waiting' ? (verdict.next ?? 2 * FAST_MS) : path.idlePause);
}

/** Nothing can be done although the path is silent, so its sockets are read less often. */
export function recordVain(path: Path, now: number): void {
  path.vainPause = Math.min(LONGEST_VAIN_MS, Math.max(FIRST_VAIN_MS, path.vainPause * 2));
  path.nextReadAt = now + path.vainPause;
}

const lookInterval = (limit: number | null): number =>
  Math.min(LONGEST_FAST_MS, Math.max(FAST_MS, (limit ?? 0) * PART));

/** Milliseconds from a reading of the link's counters to the next one. */
export function lookPause(path: Path, now: number): number {
  const { gauge, movedAt, waiting, nextReadAt, limit } = path;
  if (!gauge || path.suspicion) return SLOW_MS;
  const rested = now - Math.min(gauge.movedAt, movedAt ?? Infinity);
  if (!waiting && rested > ACTIVE_MS) return rested > RESTED_MS ? SLOW_MS : RESTING_MS;
  const pause = lookInterval(limit);
  // Read at the moment at which the answer is overdue.
  return waiting && nextReadAt > now ? Math.min(pause, Math.max(4, nextReadAt - now)) : pause;
}

/** When the counters of links are read again. Pure; times in milliseconds by the clock. */
import type { AnswerTime } from './answer-time.ts';
import { FAST_MS, type Path } from './path.ts';
import { probeDue } from './silence.ts';

/** Time between two readings while no data moves, and the time without data after which it applies. */
const SLOW_MS = 1_000;
/** Shortest time between two readings. */
const SHORTEST_MS = 4;
/** A reading of sockets that is older does not show whether data of MPTCP moves. */
const OUTDATED_MS = 5_000;

/** Whether no data of MPTCP moved on the path when its sockets were last read. */
const isIdle = ({ movedAt, lastReadAt, waiting }: Path, now: number): boolean =>
  movedAt !== null && lastReadAt - movedAt > SLOW_MS && now - lastReadAt < OUTDATED_MS && !waiting;

/** Milliseconds until the counters are read again. */
export function pollPause(paths: Iterable<Path>, now: number, time: AnswerTime): number {
  let pause = SLOW_MS;
  for (const path of paths) {
    if (!path.gauge || path.suspicion) continue;
    if (isIdle(path, now)) continue;
    const silentAt = probeDue(path, time);
    if (silentAt !== null && silentAt > now)
      pause = Math.min(pause, Math.max(SHORTEST_MS, Math.ceil(silentAt - now)));
    // While data waits for an answer, each packet may be one that is sent again.
    const activeAt = path.waiting ? path.gauge.movedAt : path.gauge.flowedAt;
    if (now - activeAt > SLOW_MS) continue;
    pause = Math.min(pause, FAST_MS);
    // Read at the moment at which the answer is overdue.
    const overdueAt = path.nextReadAt;
    if (path.waiting && overdueAt > now)
      pause = Math.min(pause, Math.max(SHORTEST_MS, Math.ceil(overdueAt - now)));
  }
  return pause;
}

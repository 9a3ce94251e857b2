/** Counts what the daemon has done since its start, for `status`. */
import { isDone, type Outcome } from '../actions/outcome.ts';
import type { CountersDocument } from '../control/document.ts';
import type { EventKind } from '../events/wake.ts';

/** `event`: of rtnetlink; `request`: on the control socket; `reload`: also a flush. */
export type WakeCause = 'event' | 'overrun' | 'timer' | 'request' | 'reload';

export class Counters {
  readonly #wakeUps = { event: 0, overrun: 0, timer: 0, request: 0, reload: 0 };
  readonly #events = { link: 0, address: 0, route: 0, rule: 0, neighbour: 0, nexthop: 0 };
  readonly #actions = { done: 0, failed: 0 };
  passes = 0;
  restored = 0;

  /** Counts a wake-up of the loop. */
  wake(cause: WakeCause): void {
    this.#wakeUps[cause]++;
  }

  /** Counts an event that makes a part of the snapshot stale. */
  event(kind: EventKind): void {
    this.#events[kind]++;
  }

  /** Counts executed and failed actions. */
  act(outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#actions[isDone(outcome) ? 'done' : 'failed']++;
  }

  get overruns(): number {
    return this.#wakeUps.overrun;
  }

  get document(): CountersDocument {
    const { passes, restored } = this;
    return {
      ...{
        since: Math.round(performance.timeOrigin),
        passes,
        wakeUps: { ...this.#wakeUps },
        events: { ...this.#events },
      },
      ...{ actions: { ...this.#actions }, restored },
    };
  }
}

/**
 * Passes on request of `status` and similar commands. Concurrent requests share one pass, and
 * frequent ones cannot occupy the processor.
 */
import type { Clock } from '../system/clock.ts';
import type { Timers } from './timers.ts';

/** Least interval between two such passes, in milliseconds. */
const INTERVAL_MS = 100;
/** How many passes a request waits for: one that reads, and two for what it finds to do. */
export const REFRESH_PASSES = 3;

export class Refresher {
  readonly #timers: Timers;
  readonly #clock: Clock;
  /** The pass that is requested and not begun yet. */
  #next: Promise<void> | null = null;
  #last = -Infinity;

  constructor(timers: Timers, clock: Clock) {
    this.#timers = timers;
    this.#clock = clock;
  }

  /** @param look begins a pass; its promise resolves when the pass is over */
  ask(look: () => Promise<void>): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      const wait = Math.max(0, this.#last + INTERVAL_MS - this.#clock.now());
      this.#timers.set('refresh', wait, () => {
        this.#last = this.#clock.now();
        this.#next = null;
        resolve(look());
      });
    });
    return this.#next;
  }
}

/**
 * Passes on request of `status` and similar commands. Concurrent requests share one pass, and
 * frequent ones cannot occupy the processor.
 */
import type { Clock } from '../system/clock.ts';
import type { Timers } from './timers.ts';

/** Shortest time between two such passes, in milliseconds. */
const INTERVAL_MS = 100;
/** How many passes a request waits for at most: one that reads, and two for the changes that it causes. */
export const REFRESH_PASSES = 3;

export class Refresher {
  readonly #timers: Timers;
  readonly #clock: Clock;
  /** The pass that is requested and has not begun yet; null: none. */
  #next: Promise<void> | null = null;
  #last = -Infinity;

  constructor(timers: Timers, clock: Clock) {
    this.#timers = timers;
    this.#clock = clock;
  }

  /**
   * Resolves when the requested pass is over.
   * @param pass begins a pass; its promise resolves when the pass is over
   */
  ask(pass: () => Promise<void>): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      const wait = Math.max(0, this.#last + INTERVAL_MS - this.#clock.now());
      this.#timers.set('refresh', wait, () => {
        this.#last = this.#clock.now();
        this.#next = null;
        resolve(pass());
      });
    });
    return this.#next;
  }
}

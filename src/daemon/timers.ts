/** Named timers that wake the loop. A new timer replaces an earlier one of the same name. */
import type { Clock } from '../system/clock.ts';

export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Map<string, () => void>();
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a timer of this name is pending. */
  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Calls `fire` once after `delay` milliseconds. */
  set(name: string, delay: number, fire: () => void): void {
    this.cancel(name);
    if (this.#stopped) return;
    const cancel = this.#clock.after(delay, () => {
      this.#pending.delete(name);
      fire();
    });
    this.#pending.set(name, cancel);
  }

  /** Cancels the timer of this name, if it is pending. */
  cancel(name: string): void {
    this.#pending.get(name)?.();
    this.#pending.delete(name);
  }

  /** Cancels all timers; later ones are never set. */
  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#pending.keys()]) this.cancel(name);
  }
}

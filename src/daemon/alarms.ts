/** Named times at which the loop is to look again; a newer one of a name takes the place of the older. */
import type { Clock } from '../system/clock.ts';

export class Alarms {
  readonly #clock: Clock;
  readonly #pending = new Map<string, () => void>();
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** `delay` in milliseconds. */
  set(name: string, delay: number, ring: () => void): void {
    this.cancel(name);
    if (this.#stopped) return;
    const cancel = this.#clock.after(delay, () => {
      this.#pending.delete(name);
      ring();
    });
    this.#pending.set(name, cancel);
  }

  cancel(name: string): void {
    this.#pending.get(name)?.();
    this.#pending.delete(name);
  }

  /** For good. */
  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#pending.keys()]) this.cancel(name);
  }
}

/** A clock that advances only when a test moves it. */
import type { Clock } from '../../src/system/clock.ts';

interface Timer {
  readonly due: number;
  readonly wake: () => void;
}

export class TestClock implements Clock {
  #now = 0;
  #timers: Timer[] = [];

  /** Called before the timers that are due then. */
  onMove: (by: number) => void = () => undefined;

  now(): number {
    return this.#now;
  }

  after(delay: number, wake: () => void): () => void {
    const timer = { due: this.#now + Math.max(0, delay), wake };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }

  /** Milliseconds until the next timer; null for none. */
  get next(): number | null {
    return this.#timers.length === 0
      ? null
      : Math.max(0, Math.min(...this.#timers.map((each) => each.due)) - this.#now);
  }

  /**
   * Advances at most to the next timer and calls the timers that are due. @returns the milliseconds that it advanced
   */
  step(most: number): number {
    const by = Math.min(most, this.next ?? most);
    this.#now += by;
    this.onMove(by);
    const due = this.#timers.filter((each) => each.due <= this.#now).sort((a, b) => a.due - b.due);
    this.#timers = this.#timers.filter((each) => !due.includes(each));
    for (const timer of due) timer.wake();
    return by;
  }

  clear(): void {
    this.#timers = [];
  }
}

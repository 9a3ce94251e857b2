/** Bounds the processor time that reading sockets takes: a share that can be saved up. */

/** Share of one processor. */
const SHARE = 0.004;
/** Milliseconds that may be saved up. */
const MAX_MS = 200;

export class Budget {
  #left = MAX_MS;
  /** When `#left` was computed. */
  #at: number | null = null;

  /** Milliseconds that may be spent now. `now`: milliseconds by the clock. */
  left(now: number): number {
    if (this.#at !== null) this.#left = Math.min(MAX_MS, this.#left + (now - this.#at) * SHARE);
    this.#at = now;
    return this.#left;
  }

  /** Both in milliseconds. */
  spend(spent: number, now: number): void {
    this.#left = this.left(now) - spent;
  }
}

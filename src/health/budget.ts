/** Bounds the time that reading sockets takes: a share of the processor, with a reserve for the moment of need. Pure. */

/** Share of one processor. */
const SHARE = 0.004;
/** Milliseconds that may be saved up. */
const MOST_MS = 200;

export class Budget {
  #left = MOST_MS;
  #at: number | null = null;

  /** Milliseconds that may be spent now. `now`: milliseconds by the clock. */
  left(now: number): number {
    if (this.#at !== null) this.#left = Math.min(MOST_MS, this.#left + (now - this.#at) * SHARE);
    this.#at = now;
    return this.#left;
  }

  spend(spent: number, now: number): void {
    this.#left = this.left(now) - spent;
  }
}

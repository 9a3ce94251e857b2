/** Computes a rate from a counter that is read from time to time. */
import type { Rate } from './model.ts';

/** Time constant of the smoothing: after this time a rate has made 63 % of a change. Short, to show a pulled cable. */
const SETTLE_MS = 1200;
/** Samples that are kept, one for each cell of a chart on a wide terminal. */
export const HISTORY = 240;
/** A lower rate counts as zero, because it is only the tail of the smoothing. In the unit of the rate. */
const MIN_RATE = 1;
/** After this number of samples in a row without a byte, the rate is zero. */
const MAX_EMPTY_SAMPLES = 3;

export class Meter {
  #at: number | null = null;
  #in = 0;
  #out = 0;
  #rateIn = 0;
  #rateOut = 0;
  readonly history: number[] = [];
  #silent = 0;

  /** Counts are bytes since the socket was created. A count that has shrunk is from a new counter. */
  take(at: number, received: number, sent: number): void {
    const elapsed = this.#at === null ? 0 : at - this.#at;
    if (elapsed > 0) {
      // The first difference has no earlier rate to be smoothed with.
      const weight = this.history.length === 0 ? 1 : 1 - Math.exp(-elapsed / SETTLE_MS);
      const read = Math.max(0, received - this.#in) / (elapsed / 1000);
      const written = Math.max(0, sent - this.#out) / (elapsed / 1000);
      this.#rateIn = settle(this.#rateIn, read, weight);
      this.#rateOut = settle(this.#rateOut, written, weight);
      this.#silent = read + written === 0 ? this.#silent + 1 : 0;
      // A lost path carries nothing, even if the smoothed rate has not reached zero yet.
      if (this.#silent >= MAX_EMPTY_SAMPLES) this.#rateIn = this.#rateOut = 0;
      // The history is not smoothed, so that a chart shows the moment of a change.
      appendSample(this.history, read + written);
    }
    [this.#at, this.#in, this.#out] = [at, received, sent];
  }

  get rate(): Rate {
    return { in: this.#rateIn, out: this.#rateOut };
  }
}

export function appendSample(history: number[], value: number): void {
  history.push(value);
  if (history.length > HISTORY) history.shift();
}

function settle(old: number, now: number, weight: number): number {
  const next = old + (now - old) * weight;
  return next < MIN_RATE ? 0 : next;
}

export const total = (rate: Rate): number => rate.in + rate.out;
export const sum = (rates: readonly Rate[]): Rate => ({
  in: rates.reduce((all, rate) => all + rate.in, 0),
  out: rates.reduce((all, rate) => all + rate.out, 0),
});

/** A rate from a counter that is read now and then. */
import type { Rate } from './model.ts';

/** Milliseconds after which a change shows to 63 %: quick enough for a pulled cable, slow enough to be read. */
const SETTLE = 1200;
/** Samples that are kept: as many as a chart on a wide terminal has cells. */
export const HISTORY = 240;
/** Below it a rate is taken for none: the tail of the smoothing is not traffic. */
const SILENT = 1;
/** Samples in a row without a byte after which the rate is none. */
const SILENCE = 3;

export class Meter {
  #at: number | null = null;
  #in = 0;
  #out = 0;
  #rateIn = 0;
  #rateOut = 0;
  readonly history: number[] = [];
  #silent = 0;

  /** Counts are bytes since the socket's birth; a count that shrank is a new counter. */
  take(at: number, received: number, sent: number): void {
    const elapsed = this.#at === null ? 0 : at - this.#at;
    if (elapsed > 0) {
      // The first difference is all that is known: nothing to smooth.
      const weight = this.history.length === 0 ? 1 : 1 - Math.exp(-elapsed / SETTLE);
      const read = Math.max(0, received - this.#in) / (elapsed / 1000);
      const written = Math.max(0, sent - this.#out) / (elapsed / 1000);
      this.#rateIn = settle(this.#rateIn, read, weight);
      this.#rateOut = settle(this.#rateOut, written, weight);
      this.#silent = read + written === 0 ? this.#silent + 1 : 0;
      // A path that was lost carries nothing, whatever the smoothing would still say.
      if (this.#silent >= SILENCE) this.#rateIn = this.#rateOut = 0;
      // As it was, not smoothed: a chart shows the moment of a change.
      remember(this.history, read + written);
    }
    [this.#at, this.#in, this.#out] = [at, received, sent];
  }

  get rate(): Rate {
    return { in: this.#rateIn, out: this.#rateOut };
  }
}

export function remember(history: number[], value: number): void {
  history.push(value);
  if (history.length > HISTORY) history.shift();
}

function settle(old: number, now: number, weight: number): number {
  const next = old + (now - old) * weight;
  return next < SILENT ? 0 : next;
}

export const total = (rate: Rate): number => rate.in + rate.out;
export const sum = (rates: readonly Rate[]): Rate => ({
  in: rates.reduce((all, rate) => all + rate.in, 0),
  out: rates.reduce((all, rate) => all + rate.out, 0),
});

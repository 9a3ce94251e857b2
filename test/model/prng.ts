/** Pseudo-random numbers, the same for the same seed (mulberry32). With seed 0, no random event ever happens. */
export class Prng {
  #state: number;
  readonly isDisabled: boolean;

  constructor(seed: number) {
    this.#state = seed >>> 0;
    this.isDisabled = seed === 0;
  }

  /** Returns a number from 0 to less than `most`. */
  below(most: number): number {
    if (this.isDisabled) return 0;
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  }

  shuffled<Each>(list: readonly Each[]): Each[] {
    if (this.isDisabled) return [...list];
    return list
      .map((each) => ({ each, at: this.below(1 << 30) }))
      .sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
  }
}

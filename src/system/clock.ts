/** Time as a parameter, so that tests can control it instead of waiting for setTimeout. */
export interface Clock {
  /** Milliseconds of a monotonic clock, not the time of day. */
  now(): number;
  /** Calls `wake` once, `delay` milliseconds from now or later. Returns a function that cancels it. */
  after(delay: number, wake: () => void): () => void;
}

/** setTimeout's longest delay; a longer one would fire at once. */
const MAX_DELAY_MS = 0x7fff_ffff;

/**
 * CLOCK_MONOTONIC does not advance while the machine is suspended, and neither do the jiffies by which routes expire.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delay, 0), MAX_DELAY_MS));
    return () => clearTimeout(timer);
  },
};

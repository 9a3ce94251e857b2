/** Time as a parameter, so that tests can hold it and nothing else calls setTimeout. */
export interface Clock {
  /** Milliseconds that only grow; not the time of day. */
  now(): number;
  /** Calls `wake` once, no sooner than `delay` milliseconds from now; returns what cancels it. */
  after(delay: number, wake: () => void): () => void;
}

/** setTimeout's longest delay; a longer one would fire at once. */
const LONGEST = 0x7fff_ffff;

/** CLOCK_MONOTONIC does not count the time of a suspended machine, and neither do the jiffies by which routes expire. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, wake) {
    const timer = setTimeout(wake, Math.min(Math.max(delay, 0), LONGEST));
    return () => clearTimeout(timer);
  },
};

/** The receiver's own log of arrivals, and the longest silence in it. */

import { tenth } from './fact.ts';

export type Arrival = readonly [at: number, bytes: number];

export interface Stall {
  readonly milliseconds: number;
  /** The arrivals at its two ends. */
  readonly from: number;
  readonly to: number;
}

/**
 * The longest time between two arrivals of which the later came after `from` and the earlier before `to`: a silence that
 * is under way when the window opens counts whole. Null: nothing came in it.
 */
export function longestStall(arrivals: readonly Arrival[], from: number, to: number): Stall | null {
  let longest: Stall | null = null;
  for (let i = 1; i < arrivals.length; i++) {
    const earlier = arrivals[i - 1]![0];
    const later = arrivals[i]![0];
    if (later < from || earlier > to) continue;
    const milliseconds = tenth(later - earlier);
    if (!longest || milliseconds > longest.milliseconds) longest = { milliseconds, from: earlier, to: later };
  }
  return longest;
}

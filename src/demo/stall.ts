/** Finds the gaps in the receiver's log of arrivals: the longest one, and the sum of the long ones. */

import { toTenths } from './fact.ts';

export type Arrival = readonly [at: number, bytes: number];

export interface Stall {
  readonly milliseconds: number;
  /** The times of the two arrivals. */
  readonly from: number;
  readonly to: number;
}

/** Shortest gap that counts as a stall, in milliseconds: an echo at the keyboard is then noticed late. */
const STALL_MS = 100;

/** Returns how many gaps began in the window and lasted for STALL_MS or longer, and how long they lasted together. */
export function stallsIn(
  arrivals: readonly Arrival[],
  from: number,
  to: number,
): { readonly count: number; readonly milliseconds: number } {
  const gaps = arrivals
    .slice(1)
    .map(([later], at) => ({ earlier: arrivals[at]![0], lasted: later - arrivals[at]![0] }))
    .filter(({ earlier, lasted }) => earlier >= from && earlier <= to && lasted >= STALL_MS);
  return { count: gaps.length, milliseconds: toTenths(gaps.reduce((sum, { lasted }) => sum + lasted, 0)) };
}

/**
 * Returns the longest time between two arrivals of which the later came after `from` and the earlier before `to`. A gap
 * that is under way when the window opens counts with its whole length. Null when nothing arrived in the window.
 */
export function longestStall(arrivals: readonly Arrival[], from: number, to: number): Stall | null {
  let longest: Stall | null = null;
  for (let i = 1; i < arrivals.length; i++) {
    const earlier = arrivals[i - 1]![0];
    const later = arrivals[i]![0];
    if (later < from || earlier > to) continue;
    const milliseconds = toTenths(later - earlier);
    if (!longest || milliseconds > longest.milliseconds) longest = { milliseconds, from: earlier, to: later };
  }
  return longest;
}

/** How long and how often the loop waits and looks again; times in milliseconds. */
import type { Part } from '../snapshot/snapshot.ts';

/** The kernel says nothing when endpoints or limits are changed by others. */
export const ENDPOINTS_AGAIN = 30_000;
/** After a read that failed. */
export const READ_AGAIN = 100;
/** After an action that was refused. */
export const TRY_AGAIN = 5_000;
/** A pass rests as long as the one before took, so that a storm leaves half of the processor to others. */
export const LONGEST_REST = 250;
/** Passes that follow each other by our own changes; more means that the kernel does not do what it says. */
export const SETTLE = 50;
/** When others change these, what was refused may be granted. */
export const MOVES: readonly Part[] = ['links', 'addresses', 'routes'];

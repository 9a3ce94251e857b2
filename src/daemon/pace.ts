/** Intervals and limits of the loop; times in milliseconds. */
import type { Part } from '../snapshot/snapshot.ts';

/** The kernel sends no event when another program changes endpoints or limits. */
export const ENDPOINTS_AGAIN = 30_000;
/** Until the next try after a failed read. */
export const READ_AGAIN = 100;
/** Until the next try after a refused action. */
export const TRY_AGAIN = 5_000;
/**
 * The loop rests as long as its last passes took, up to this, so that under many
 * events half of the processor stays free.
 */
export const LONGEST_REST = 250;
/** Limit of consecutive passes caused by own changes; more means that the kernel does not do what it acknowledges. */
export const SETTLE = 50;
/** If one of these changes, refused actions may succeed and are tried again. */
export const MOVES: readonly Part[] = ['links', 'addresses', 'routes'];

/** Intervals and limits of the loop; times in milliseconds. */
import type { SnapshotPart } from '../snapshot/snapshot.ts';

/** The kernel sends no event when another program changes endpoints or limits. */
export const ENDPOINTS_INTERVAL_MS = 30_000;
/** Look-ups that were kept are compared with new ones after this time. */
export const CHECK_INTERVAL_MS = 30_000;
/** Until the next try after a failed read. */
export const READ_RETRY_MS = 100;
/** Until the next try after a refused action. */
export const ACTION_RETRY_MS = 5_000;
/** The loop pauses for as long as its last passes took, at most this, so that many events use half of the processor. */
export const MAX_THROTTLE_MS = 250;
/**
 * Maximum number of consecutive passes caused by own changes. More of them mean that the kernel does not execute what
 * it acknowledges.
 */
export const MAX_PASSES = 50;
/** If one of these changes, refused actions may succeed and are tried again. */
export const RETRY_PARTS: readonly SnapshotPart[] = ['links', 'addresses', 'routes'];

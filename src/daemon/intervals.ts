/** Intervals and limits of the loop; times in milliseconds. */
import type { SnapshotPart } from '../snapshot/snapshot.ts';

/** The kernel sends no event when another program changes endpoints or limits. */
export const ENDPOINTS_INTERVAL_MS = 30_000;
/** Until the next try after a failed read. */
export const READ_RETRY_MS = 100;
/** Until the next try after a refused action. */
export const ACTION_RETRY_MS = 5_000;
/**
 * The loop rests as long as its last passes took, up to this, so that under many
 * events half of the processor stays free.
 */
export const MAX_REST_MS = 250;
/** Limit of consecutive passes caused by own changes; more means that the kernel does not do what it acknowledges. */
export const MAX_PASSES = 50;
/** If one of these changes, refused actions may succeed and are tried again. */
export const RETRY_PARTS: readonly SnapshotPart[] = ['links', 'addresses', 'routes'];

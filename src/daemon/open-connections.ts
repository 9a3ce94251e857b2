/** Reads the open connections if the plan depends on them (`needsConnections`). */
import type { State } from '../actions/state.ts';
import { needsConnections } from '../plan/withdraw.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { LoopParts } from './parts.ts';

/**
 * Milliseconds until the next pass while the plan depends on them: rtnetlink has no event for the end of a connection.
 */
export const CONNECTIONS_INTERVAL_MS = 1_000;

/** The snapshot with the open connections; unchanged if nothing depends on them, or if they cannot be read. */
export async function withConnections(
  snapshot: Snapshot,
  { rules }: Configuration,
  state: State,
  { connections, log }: LoopParts,
): Promise<Snapshot> {
  if (!needsConnections(snapshot, rules, state)) return snapshot;
  try {
    return { ...snapshot, ...(await connections()) };
  } catch (error) {
    // While the connections are unknown, an endpoint that they may use lingers.
    log.debug(`open connections were not read: ${(error as Error).message}`);
    return snapshot;
  }
}

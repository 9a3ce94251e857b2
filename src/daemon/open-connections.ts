/** Reads the open connections, only if the user withdrew an endpoint that they may need, or a full tunnel is up. */
import type { State } from '../actions/state.ts';
import { needsConnections } from '../plan/withdraw.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { LoopParts } from './parts.ts';

/**
 * Milliseconds until the next pass while such an endpoint remains: rtnetlink has
 * no event for the end of a connection.
 */
export const CONNECTIONS_INTERVAL_MS = 1_000;

/** The snapshot with its connections; unchanged if nothing depends on them, or if they cannot be read. */
export async function withConnections(
  snapshot: Snapshot,
  { rules }: Configuration,
  state: State,
  { connections, log }: LoopParts,
): Promise<Snapshot> {
  if (!needsConnections(snapshot, rules, state)) return snapshot;
  try {
    return { ...snapshot, connections: await connections() };
  } catch (error) {
    // Without the connections such an endpoint lingers, like one whose path is lost.
    log.debug(`open connections were not read: ${(error as Error).message}`);
    return snapshot;
  }
}

/** Open connections, read only where the user took an endpoint away that they may still need. */
import type { Memory } from '../plan/memory.ts';
import { needsConnections } from '../plan/withdraw.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { LoopParts } from './parts.ts';

/** Until the next look while such an endpoint waits, in milliseconds: rtnetlink has no event for a connection's end. */
export const CONNECTIONS_AGAIN_MS = 1_000;

/** The snapshot with them; as it is where nothing depends on them, or they cannot be read. */
export async function withConnections(
  snapshot: Snapshot,
  { rules }: Configuration,
  memory: Memory,
  { connections, log }: LoopParts,
): Promise<Snapshot> {
  if (!needsConnections(snapshot, rules, memory)) return snapshot;
  try {
    return { ...snapshot, connections: await connections() };
  } catch (error) {
    // Not known: such an endpoint then stays as one whose path is lost.
    log.debug(`open connections were not read: ${(error as Error).message}`);
    return snapshot;
  }
}

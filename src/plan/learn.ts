/** What an endpoint that stands tells of the kernel. */
import type { Snapshot } from '../snapshot/snapshot.ts';
import { CHANGEABLE } from './flags.ts';
import { isOwned } from './assess.ts';
import type { Memory } from './memory.ts';

/**
 * The kernel drops flags that it does not know without a word (laminar before 6.18: add it, and the dump lacks it).
 * Nobody can take such a flag from an endpoint that stands, so one that is missing was never known.
 */
export function learnFlags(memory: Memory, snapshot: Snapshot): Memory {
  let unknown = memory.unknownFlags;
  const owned = new Map(memory.owned);
  let changed = false;
  for (const endpoint of snapshot.endpoints) {
    const added = memory.owned.get(endpoint.id);
    if (!added || !isOwned(memory, endpoint)) continue;
    const dropped = added.flags & ~endpoint.flags & ~CHANGEABLE;
    if (dropped === 0) continue;
    unknown |= dropped;
    changed = true;
    owned.set(added.id, { ...added, flags: added.flags & ~dropped });
  }
  return changed ? { ...memory, owned, unknownFlags: unknown } : memory;
}

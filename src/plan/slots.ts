/** Decides which uplinks get the few endpoints that the kernel holds. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from './action.ts';
import { endpointFamily, newEndpoint } from './endpoint.ts';
import { drop, type Entry } from './entry.ts';
import type { Fate } from './fate.ts';
import type { Memory } from './memory.ts';

/**
 * Gives slots in the order of rank. Endpoints of other programs count; an active uplink keeps its slot.
 * @returns the additions, which are also added to their entries
 */
export function grantSlots(
  entries: readonly Entry[],
  snapshot: Snapshot,
  memory: Memory,
  owned: readonly Endpoint[],
  fate: Fate,
): (Action & { endpoint: Endpoint })[] {
  const taken = new Set(snapshot.endpoints.map((endpoint) => endpoint.id));
  for (const id of memory.owned.keys()) taken.add(id);
  let lastId = memory.lastId;
  let free = memory.slots - snapshot.endpoints.length + fate.deletions.length;
  const adds: (Action & { endpoint: Endpoint })[] = [];
  for (const entry of entries) {
    if (entry.verdict?.state !== 'verified') continue;
    const { endpoint, implicit } = newEndpoint(entry.candidate, snapshot, { ...memory, lastId }, taken);
    const device = entry.candidate.selected.link.name;
    const gateway = entry.viable?.default?.hop.gateway ?? null;
    const action = { kind: 'endpoint add' as const, endpoint, device, gateway, implicit };
    const failed = memory.failures.get(actionKey(action));
    // An addition that was refused for another reason is no cause to delete a lingering
    // endpoint, whose path may come back.
    if (free < 1 && !implicit && !failed) free += makeRoom(entry, fate);
    if (!implicit && (free < 1 || endpoint.id === 0)) {
      drop(entry, { state: 'no free slot', reason: slotReason(snapshot, owned) });
      continue;
    }
    if (failed) drop(entry, { state: 'failed', reason: failed.reason, routed: true });
    if (failed && !failed.retry) continue;
    if (!implicit) free--;
    taken.add(endpoint.id);
    lastId = implicit ? lastId : endpoint.id;
    entry.add.push(action);
    adds.push(action);
  }
  return adds;
}

/**
 * The successor of a lingering endpoint is ready and there is no room for both: the lingering one is deleted first.
 * @returns how many slots that frees
 */
function makeRoom(entry: Entry, fate: Fate): number {
  const at = fate.lingering.findIndex(
    (each) => endpointFamily(each) === entry.candidate.family && !fate.cut.has(each),
  );
  if (at === -1) return 0;
  fate.deletions.push(...fate.lingering.splice(at, 1));
  return 1;
}

function slotReason(snapshot: Snapshot, owned: readonly Endpoint[]): string {
  const all = snapshot.endpoints.length;
  return `the kernel holds no more than ${all} endpoints (${all - owned.length} of other programs); the next that is free is taken`;
}

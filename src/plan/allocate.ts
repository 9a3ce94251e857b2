/** Decides which uplinks get the few endpoints that the kernel holds. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from '../actions/action.ts';
import { endpointFamily, newEndpoint } from './endpoint.ts';
import { setVerdict, type Evaluation } from './evaluate.ts';
import type { Retirement } from './retire.ts';
import type { State } from '../actions/state.ts';

/**
 * Gives slots in the order of rank. Endpoints of other programs count; an active uplink keeps its slot.
 * @returns the additions, which are also added to their entries
 */
export function grantSlots(
  evaluations: readonly Evaluation[],
  snapshot: Snapshot,
  state: State,
  owned: readonly Endpoint[],
  retirement: Retirement,
): (Action & { endpoint: Endpoint })[] {
  const taken = new Set(snapshot.endpoints.map((endpoint) => endpoint.id));
  for (const id of state.owned.keys()) taken.add(id);
  let lastId = state.lastId;
  let free = state.slots - snapshot.endpoints.length + retirement.deletions.length;
  const adds: (Action & { endpoint: Endpoint })[] = [];
  for (const evaluation of evaluations) {
    if (evaluation.verdict?.state !== 'verified') continue;
    const { endpoint, implicit } = newEndpoint(evaluation.candidate, snapshot, { ...state, lastId }, taken);
    const device = evaluation.candidate.selected.link.name;
    const gateway = evaluation.viable?.default?.hop.gateway ?? null;
    const action = { kind: 'endpoint add' as const, endpoint, device, gateway, implicit };
    const failed = state.failures.get(actionKey(action));
    // An addition that was refused for another reason is no cause to delete a lingering
    // endpoint, whose path may come back.
    if (free < 1 && !implicit && !failed) free += makeRoom(evaluation, retirement);
    if (!implicit && (free < 1 || endpoint.id === 0)) {
      setVerdict(evaluation, { state: 'no free slot', reason: slotReason(snapshot, owned) });
      continue;
    }
    if (failed) setVerdict(evaluation, { state: 'failed', reason: failed.reason, routed: true });
    if (failed && !failed.retry) continue;
    if (!implicit) free--;
    taken.add(endpoint.id);
    lastId = implicit ? lastId : endpoint.id;
    evaluation.add.push(action);
    adds.push(action);
  }
  return adds;
}

/**
 * The successor of a lingering endpoint is ready and there is no room for both: the lingering one is deleted first.
 * @returns how many slots that frees
 */
function makeRoom(evaluation: Evaluation, retirement: Retirement): number {
  const at = retirement.lingering.findIndex(
    (each) => endpointFamily(each) === evaluation.candidate.family && !retirement.cut.has(each),
  );
  if (at === -1) return 0;
  retirement.deletions.push(...retirement.lingering.splice(at, 1));
  return 1;
}

function slotReason(snapshot: Snapshot, owned: readonly Endpoint[]): string {
  const all = snapshot.endpoints.length;
  return `the kernel holds no more than ${all} endpoints (${all - owned.length} of other programs); the next that is free is taken`;
}

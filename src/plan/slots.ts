/**
 * Seventh step: which verified uplinks get an endpoint. The kernel holds only a few: a slot is room for one of them.
 */
import { actionKey, type Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { endpointFamily, newEndpoint } from './endpoint.ts';
import { withVerdict, type Evaluation } from './evaluation.ts';
import type { Reason } from './reason.ts';
import type { Retirement } from './retire.ts';

type EndpointAddition = Action & { readonly kind: 'endpoint add' };

export interface SlotsGranted {
  readonly evaluations: readonly Evaluation[];
  /** With the lingering endpoints that were deleted to make room. */
  readonly retirement: Retirement;
  readonly additions: readonly EndpointAddition[];
}

/** Gives slots in the order of rank. Endpoints of other programs count; an active uplink keeps its slot. */
export function grantSlots(
  verified: readonly Evaluation[],
  snapshot: Snapshot,
  state: State,
  owned: readonly Endpoint[],
  retirement: Retirement,
): SlotsGranted {
  const taken = new Set([...snapshot.endpoints.map((endpoint) => endpoint.id), ...state.owned.keys()]);
  let { lastId } = state;
  let rest = retirement;
  let free = state.slots - snapshot.endpoints.length + retirement.deletions.length;
  const additions: EndpointAddition[] = [];
  const evaluations = verified.map((each) => {
    if (each.verdict?.state !== 'verified') return each;
    const action = additionOf(each, snapshot, { ...state, lastId }, taken);
    const { endpoint, implicit } = action;
    const failed = state.failures.get(actionKey(action));
    // An addition that was refused for another reason is no cause to delete a lingering
    // endpoint, whose path may come back.
    if (free < 1 && !implicit && !failed) {
      const room = makeRoom(each.candidate.family, rest);
      if (room) [rest, free] = [room, free + 1];
    }
    if (!implicit && (free < 1 || endpoint.id === 0))
      return withVerdict(each, { state: 'no free slot', reason: slotReason(snapshot, owned) });
    const judged = failed
      ? withVerdict(each, {
          state: 'failed',
          reason: { code: 'refused', errno: failed.errno, message: failed.message },
          routed: true,
        })
      : each;
    if (failed && !failed.retry) return judged;
    if (!implicit) [free, lastId] = [free - 1, endpoint.id];
    taken.add(endpoint.id);
    additions.push(action);
    return { ...judged, actions: [...judged.actions, action] };
  });
  return { evaluations, retirement: rest, additions };
}

function additionOf(
  { candidate, path }: Evaluation,
  snapshot: Snapshot,
  state: State,
  taken: ReadonlySet<number>,
): EndpointAddition {
  const { endpoint, implicit } = newEndpoint(candidate, snapshot, state, taken);
  const device = candidate.selected.link.name;
  const gateway = path?.default?.hop.gateway ?? null;
  return { kind: 'endpoint add', endpoint, device, gateway, implicit };
}

/**
 * The successor of a lingering endpoint is ready and there is no room for both: the lingering one is deleted first.
 * @returns null: none of this family can be deleted
 */
function makeRoom(family: Family, retirement: Retirement): Retirement | null {
  const { lingering, deletions, cut } = retirement;
  const removed = lingering.find((each) => endpointFamily(each) === family && !cut.has(each));
  if (!removed) return null;
  return {
    ...retirement,
    lingering: lingering.filter((each) => each !== removed),
    deletions: [...deletions, removed],
  };
}

function slotReason(snapshot: Snapshot, owned: readonly Endpoint[]): Reason {
  const endpoints = snapshot.endpoints.length;
  return { code: 'no-free-slot', endpoints, foreign: endpoints - owned.length };
}

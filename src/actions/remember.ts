/** What actions and their outcomes change in the memory: pure. */
import type { NetlinkError } from '../netlink/error.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import { actionText, type Action } from '../plan/action.ts';
import type { Memory } from '../plan/memory.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Outcome } from './apply.ts';

/** To be written down before the action is done. */
export function intend(memory: Memory, action: Action, snapshot: Snapshot): Memory {
  if (action.kind === 'endpoint add') {
    const owned = new Map(memory.owned).set(action.endpoint.id, action.endpoint);
    return { ...memory, owned, lastId: action.implicit ? memory.lastId : action.endpoint.id };
  }
  if (action.kind !== 'limits set' || !action.raised) return memory;
  const raised = { ...memory.raised };
  for (const [name, to] of Object.entries(action.limits) as [keyof Limits, number][])
    raised[name] = { from: raised[name]?.from ?? snapshot.limits[name], to };
  return { ...memory, raised };
}

/** All outcomes of one pass, in their order. */
export function rememberAll(memory: Memory, outcomes: readonly Outcome[], snapshot: Snapshot): Memory {
  let standing = snapshot.endpoints.length;
  let result = memory;
  for (const outcome of outcomes) {
    result = remember(result, outcome, snapshot, standing);
    if (outcome.error || outcome.foreign) continue;
    if (outcome.action.kind === 'endpoint add' && !outcome.action.implicit) standing++;
    if (outcome.action.kind === 'endpoint delete') standing--;
  }
  return result;
}

/** `standing`: how many endpoints the kernel has at this point of the pass. */
function remember(memory: Memory, outcome: Outcome, snapshot: Snapshot, standing: number): Memory {
  const { action, error, foreign } = outcome;
  if (foreign) return forget(memory, action);
  if (error) return refused(memory, action, error, snapshot, standing);
  if (action.kind === 'endpoint delete') return forget(memory, action);
  if (action.kind === 'endpoint change')
    return { ...memory, owned: new Map(memory.owned).set(action.endpoint.id, action.endpoint) };
  if (action.kind === 'limits set' && !action.raised) {
    const raised = { ...memory.raised };
    for (const name of Object.keys(action.limits) as (keyof Limits)[]) delete raised[name];
    return { ...memory, raised };
  }
  return memory;
}

function forget(memory: Memory, action: Action): Memory {
  if (!('endpoint' in action)) return memory;
  const owned = new Map(memory.owned);
  owned.delete(action.endpoint.id);
  return { ...memory, owned };
}

/** The answer did not come: whether it was done, the next snapshot tells. */
const UNANSWERED = new Set(['ENOBUFS', 'ETIMEDOUT', 'ECANCELED', 'EBADMSG']);

function refused(
  memory: Memory,
  action: Action,
  error: NetlinkError,
  snapshot: Snapshot,
  standing: number,
): Memory {
  if (UNANSWERED.has(error.code)) return memory;
  const unowned = action.kind === 'endpoint add' ? forget(memory, action) : memory;
  if (action.kind === 'endpoint add' && isFull(error, action.endpoint, snapshot))
    return { ...unowned, slots: standing };
  const failures = new Map(unowned.failures).set(actionText(action), error.message);
  return { ...unowned, failures };
}

/**
 * ERANGE since 6.2 or so; older kernels answer EINVAL "too many addresses or duplicate one" for this, for an address
 * and for an id that is there already: what the kernel has tells them apart.
 */
function isFull(error: NetlinkError, { id, address }: Endpoint, snapshot: Snapshot): boolean {
  if (error.code === 'ERANGE') return true;
  if (error.code !== 'EINVAL' || !error.kernelText?.startsWith('too many addresses')) return false;
  return (
    snapshot.endpoints.length > 0 &&
    !snapshot.endpoints.some((each) => each.id === id || each.address === address)
  );
}

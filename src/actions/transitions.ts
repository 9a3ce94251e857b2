/** How actions and their outcomes change the state: pure functions. */
import { isUnanswered, type NetlinkError } from '../netlink/error.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import { actionKey, type Action } from './action.ts';
import type { ActionFailure, State } from './state.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Outcome } from './outcome.ts';

/** The state to record before the action is executed. */
export function recordIntent(state: State, action: Action, snapshot: Snapshot): State {
  if (action.kind === 'endpoint add') {
    const owned = new Map(state.owned).set(action.endpoint.id, action.endpoint);
    return { ...state, owned, lastId: action.implicit ? state.lastId : action.endpoint.id };
  }
  if (action.kind === 'endpoint try') return intendTry(state, action);
  if (action.kind !== 'limits set') return state;
  const raised = { ...state.raised };
  if (!action.raised) {
    for (const name of Object.keys(action.limits) as (keyof Limits)[])
      if (raised[name]) raised[name] = { ...raised[name], granted: false, restoring: true };
    return { ...state, raised };
  }
  for (const [name, to] of Object.entries(action.limits) as [keyof Limits, number][])
    raised[name] = { from: raised[name]?.from ?? snapshot.limits[name], before: snapshot.limits[name], to };
  return { ...state, raised };
}

/**
 * After a crash the endpoint is deleted like any without an uplink, and the limit is restored like one that was raised:
 * to what `limits` demands, or to its value before if multihomed had not changed it.
 */
function intendTry(state: State, { endpoint, subflows }: Extract<Action, { kind: 'endpoint try' }>): State {
  const { during, after } = subflows;
  const owned = new Map(state.owned).set(endpoint.id, endpoint);
  if (during === after) return { ...state, owned };
  const known = state.raised.subflows;
  const limit = known
    ? { from: known.from, before: during, to: after }
    : { from: after, before: after, to: during };
  return { ...state, owned, raised: { ...state.raised, subflows: limit } };
}

function endTry(state: State, { endpoint, subflows }: Extract<Action, { kind: 'endpoint try' }>): State {
  const owned = new Map(state.owned);
  owned.delete(endpoint.id);
  if (subflows.during === subflows.after) return { ...state, owned };
  const { subflows: limit, ...others } = state.raised;
  return {
    ...state,
    owned,
    raised: limit?.to === subflows.after ? { ...others, subflows: { ...limit, granted: true } } : others,
  };
}

const NOTHING_TO_DELETE = { errno: null, message: 'the kernel answers that there is none' };

/** The state after an action, by its outcome. */
export function applyOutcome(
  state: State,
  { action, error, foreign, full, gone, id, restoreReplaced }: Outcome,
): State {
  if (foreign) return forget(state, action);
  if (full !== undefined) {
    const ended = action.kind === 'endpoint try' ? endTry(state, action) : forget(state, action);
    return { ...ended, slots: full };
  }
  if (error) return refused(state, action, error, { final: restoreReplaced === true });
  if (gone) return withFailure(state, action, NOTHING_TO_DELETE);
  const done = succeeded(withoutFailure(state, action), action);
  return id !== undefined && action.kind === 'endpoint add' ? withId(done, action, id) : done;
}

function succeeded(state: State, action: Action): State {
  if (action.kind === 'endpoint try') return endTry(state, action);
  if (action.kind === 'endpoint delete') return forget(state, action);
  if (action.kind === 'endpoint change')
    return { ...state, owned: new Map(state.owned).set(action.endpoint.id, action.endpoint) };
  if (action.kind === 'limits set') {
    const raised = { ...state.raised };
    for (const name of Object.keys(action.limits) as (keyof Limits)[])
      if (action.raised && raised[name]) raised[name] = { ...raised[name], granted: true };
      else delete raised[name];
    return { ...state, raised };
  }
  return state;
}

function withId(state: State, action: Action & { endpoint: Endpoint }, id: number): State {
  const { owned, ...rest } = forget(state, action);
  return { ...rest, owned: new Map(owned).set(id, { ...action.endpoint, id }) };
}

function withoutFailure(state: State, action: Action): State {
  if (!state.failures.has(actionKey(action))) return state;
  const failures = new Map(state.failures);
  failures.delete(actionKey(action));
  return { ...state, failures };
}

/** Whether a refused action is to be tried again before a reload. */
export const isTriedAgain = ({ failures }: State): boolean =>
  [...failures.values()].some((failure) => !failure.final);

/** Something changed, or time has passed: refused actions are tried again. */
export function retryAll(state: State): State {
  if (state.failures.size === 0) return state;
  const failures = new Map(
    [...state.failures].map(([key, failure]) => [key, { ...failure, retry: !failure.final }]),
  );
  return { ...state, failures };
}

/** Removes failures whose retry the plan no longer asked for. */
export function dropRetries(state: State): State {
  if (state.failures.size === 0) return state;
  return { ...state, failures: new Map([...state.failures].filter(([, { retry }]) => !retry)) };
}

function forget(state: State, action: Action): State {
  if (!('endpoint' in action)) return state;
  const owned = new Map(state.owned);
  owned.delete(action.endpoint.id);
  return { ...state, owned };
}

function refused(
  state: State,
  action: Action,
  error: NetlinkError,
  { final }: { readonly final: boolean },
): State {
  // Another try follows later. What was left in the kernel is known by the record of the intention.
  if (isUnanswered(error) || action.kind === 'endpoint try') return state;
  const unowned = action.kind === 'endpoint add' ? forget(state, action) : state;
  const { code: errno, message } = error;
  return withFailure(unowned, action, { errno, message, final: final && !isTaken(error) });
}

/**
 * Another program took the id meanwhile, and a different id will work. Kernel 6.1 answers EINVAL, with
 * the text that it has for a full table.
 */
const isTaken = ({ code, kernelText }: NetlinkError): boolean =>
  code === 'EEXIST' || kernelText?.startsWith('too many addresses') === true;

function withFailure(
  state: State,
  action: Action,
  failure: Pick<ActionFailure, 'errno' | 'message' | 'final'>,
): State {
  const failures = new Map(state.failures).set(actionKey(action), { ...failure, retry: false });
  return { ...state, failures };
}

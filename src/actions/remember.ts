/** How actions and their outcomes change the memory: pure functions. */
import type { NetlinkError } from '../netlink/error.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import { actionKey, type Action } from '../plan/action.ts';
import type { Memory } from '../plan/memory.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Outcome } from './apply.ts';

/** The memory to record before the action is executed. */
export function intend(memory: Memory, action: Action, snapshot: Snapshot): Memory {
  if (action.kind === 'endpoint add') {
    const owned = new Map(memory.owned).set(action.endpoint.id, action.endpoint);
    return { ...memory, owned, lastId: action.implicit ? memory.lastId : action.endpoint.id };
  }
  if (action.kind !== 'limits set') return memory;
  const raised = { ...memory.raised };
  if (!action.raised) {
    for (const name of Object.keys(action.limits) as (keyof Limits)[])
      if (raised[name]) raised[name] = { ...raised[name], granted: false, returning: true };
    return { ...memory, raised };
  }
  for (const [name, to] of Object.entries(action.limits) as [keyof Limits, number][])
    raised[name] = { from: raised[name]?.from ?? snapshot.limits[name], before: snapshot.limits[name], to };
  return { ...memory, raised };
}

/** The memory after an action, by its outcome. */
export function remember(
  memory: Memory,
  { action, error, foreign, full, gone, id, putBack }: Outcome,
): Memory {
  if (foreign) return forget(memory, action);
  if (full !== undefined) return { ...forget(memory, action), slots: full };
  if (error) return refused(memory, action, error, putBack === true);
  if (gone) return withFailure(memory, action, 'the kernel answers that there is none');
  const done = succeeded(withoutFailure(memory, action), action);
  return id !== undefined && action.kind === 'endpoint add' ? underId(done, action, id) : done;
}

function succeeded(memory: Memory, action: Action): Memory {
  if (action.kind === 'endpoint delete') return forget(memory, action);
  if (action.kind === 'endpoint change')
    return { ...memory, owned: new Map(memory.owned).set(action.endpoint.id, action.endpoint) };
  if (action.kind === 'limits set') {
    const raised = { ...memory.raised };
    for (const name of Object.keys(action.limits) as (keyof Limits)[])
      if (action.raised && raised[name]) raised[name] = { ...raised[name], granted: true };
      else delete raised[name];
    return { ...memory, raised };
  }
  return memory;
}

function underId(memory: Memory, action: Action & { endpoint: Endpoint }, id: number): Memory {
  const { owned, ...rest } = forget(memory, action);
  return { ...rest, owned: new Map(owned).set(id, { ...action.endpoint, id }) };
}

function withoutFailure(memory: Memory, action: Action): Memory {
  if (!memory.failures.has(actionKey(action))) return memory;
  const failures = new Map(memory.failures);
  failures.delete(actionKey(action));
  return { ...memory, failures };
}

/** Whether a refused action is to be tried again before a reload. */
export const isTriedAgain = ({ failures }: Memory): boolean =>
  [...failures.values()].some((failure) => !failure.final);

/** Something changed, or time has passed: refused actions are tried again. */
export function retryAll(memory: Memory): Memory {
  if (memory.failures.size === 0) return memory;
  const failures = new Map(
    [...memory.failures].map(([key, failure]) => [key, { ...failure, retry: !failure.final }]),
  );
  return { ...memory, failures };
}

/** Removes failures whose retry the plan no longer asked for. */
export function dropRetries(memory: Memory): Memory {
  if (memory.failures.size === 0) return memory;
  return { ...memory, failures: new Map([...memory.failures].filter(([, { retry }]) => !retry)) };
}

function forget(memory: Memory, action: Action): Memory {
  if (!('endpoint' in action)) return memory;
  const owned = new Map(memory.owned);
  owned.delete(action.endpoint.id);
  return { ...memory, owned };
}

function refused(memory: Memory, action: Action, error: NetlinkError, final: boolean): Memory {
  if (isUnanswered(error)) return memory;
  const unowned = action.kind === 'endpoint add' ? forget(memory, action) : memory;
  return withFailure(unowned, action, error.message, final && !isTaken(error));
}

/**
 * Another program took the id meanwhile, and a different id will work. Kernel 6.1 answers EINVAL, with
 * the text that it has for a full table.
 */
const isTaken = ({ code, kernelText }: NetlinkError): boolean =>
  code === 'EEXIST' || kernelText?.startsWith('too many addresses') === true;

function withFailure(memory: Memory, action: Action, reason: string, final = false): Memory {
  const failures = new Map(memory.failures).set(actionKey(action), { reason, retry: false, final });
  return { ...memory, failures };
}

const UNANSWERED = new Set(['ENOBUFS', 'ETIMEDOUT', 'ECANCELED', 'EBADMSG']);

/** No answer came: the next snapshot shows whether the kernel executed the request. */
export const isUnanswered = ({ code }: NetlinkError): boolean => UNANSWERED.has(code);

/** Executes planned actions in their order and reports the outcomes. Executing an action twice does no harm. */
import type { Requester } from '../netlink/connection.ts';
import { isUnanswered, NetlinkError } from '../netlink/error.ts';
import type { GenericFamily } from '../netlink/generic/family.ts';
import { unmapIPv4 } from '../netlink/ip.ts';
import {
  addEndpoint,
  changeEndpoint,
  deleteEndpoint,
  dumpEndpoints,
  getEndpoint,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import { sameEndpoint } from '../netlink/mptcp/flags.ts';
import { setLimits } from '../netlink/mptcp/limits.ts';
import { forgetUnresolved } from '../netlink/route/neighbour.ts';
import { addPolicyRule, deletePolicyRule } from '../netlink/route/policy-rule.ts';
import { addRoute, appendRoute, deleteRoute } from '../netlink/route/route.ts';
import { actionText, type Action } from './action.ts';
import type { Outcome } from './outcome.ts';

export interface Kernel {
  readonly route: Requester;
  readonly generic: Requester;
  readonly mptcp: GenericFamily;
}

export interface ActionObserver {
  /** Called before each action, to record it first. */
  readonly before: (action: Action) => void;
  readonly after: (outcome: Outcome) => void;
}

/**
 * Executes the actions. Consecutive actions on routes and policy rules are sent together, and the kernel executes
 * them in their order. An action on endpoints or limits waits for all before it.
 * @throws any error but NetlinkError, which becomes part of an outcome
 */
export async function apply(
  actions: readonly Action[],
  kernel: Kernel,
  record: ActionObserver,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const batch of batches(actions)) {
    // If the kernel has no room for an endpoint, it has none for the next ones either; and an id that the kernel
    // chose may be the one planned for the next endpoint. The next pass takes both into account.
    const unforeseen = outcomes.some(({ full, id }) => full !== undefined || id !== undefined);
    if (batch[0]?.kind === 'endpoint add' && unforeseen) continue;
    const replaced = replacedBy(batch[0]!, outcomes);
    const done = await applyBatch(batch, kernel, record, { replaces: replaced !== undefined });
    outcomes.push(...done);
    if (replaced && done[0]!.restoreReplaced)
      outcomes.push(...(await applyBatch([replaced], kernel, record)));
  }
  return outcomes;
}

/** `replaces`: an endpoint was deleted to make room for the one that the batch adds. */
async function applyBatch(
  batch: readonly Action[],
  kernel: Kernel,
  record: ActionObserver,
  { replaces } = { replaces: false },
): Promise<Outcome[]> {
  for (const action of batch) record.before(action);
  const done = await Promise.all(batch.map((action) => applyOne(action, kernel)));
  return done.map((outcome) => {
    const { error } = outcome;
    const marked =
      replaces && error && !isUnanswered(error) ? { ...outcome, restoreReplaced: true } : outcome;
    record.after(marked);
    return marked;
  });
}

/** The endpoint that was deleted to make room for this one, as the action that adds it again. */
function replacedBy(action: Action, outcomes: readonly Outcome[]): Action | undefined {
  if (action.kind !== 'endpoint add') return undefined;
  const { address, ifindex } = action.endpoint;
  for (const { action: before, error, foreign } of outcomes)
    if (before.kind === 'endpoint delete' && !error && !foreign)
      if (before.endpoint.address === address && before.endpoint.ifindex === ifindex)
        return { ...action, endpoint: before.endpoint };
  return undefined;
}

const isRouting = (action: Action): boolean => 'route' in action || 'policyRule' in action;

function batches(actions: readonly Action[]): Action[][] {
  const all: Action[][] = [];
  for (const action of actions) {
    const last = all.at(-1);
    if (last && isRouting(action) && isRouting(last[0]!)) last.push(action);
    else all.push([action]);
  }
  return all;
}

/** `counted`: how many endpoints the kernel had at an earlier refusal of the same action. */
async function applyOne(action: Action, kernel: Kernel, counted: number | null = null): Promise<Outcome> {
  try {
    return { action, error: null, ...(await request(action, kernel)) };
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    if (isGone(action, error)) return { action, error: null, gone: true };
    const isAdded = action.kind === 'endpoint add' || action.kind === 'endpoint try';
    const full = isAdded ? await fullAt(action.endpoint, error, kernel) : null;
    if (full === null) return { action, error };
    // Another program may have deleted an endpoint before the count, so only two
    // refusals with the same count are trusted.
    return full === counted ? { action, error, full } : applyOne(action, kernel, full);
  }
}

/**
 * How many endpoints the kernel has, if it refused one more because it is full; null: another reason. Newer kernels
 * (6.12 at the latest) answer ERANGE. Kernel 6.1 answers EINVAL with the same text for a full table, an existing
 * address and an existing id, so a dump of the endpoints shows which of them it is.
 */
async function fullAt(
  wanted: Endpoint,
  error: NetlinkError,
  { generic, mptcp }: Kernel,
): Promise<number | null> {
  const isAmbiguous = error.code === 'EINVAL' && error.kernelText?.startsWith('too many addresses') === true;
  if (error.code !== 'ERANGE' && !isAmbiguous) return null;
  const existing = await dumpEndpoints(generic, mptcp);
  const taken = existing.some(
    (each) => each.id === wanted.id || unmapIPv4(each.address) === unmapIPv4(wanted.address),
  );
  return taken ? null : existing.length;
}

/** The deletion of an object that is already gone is no error. */
function isGone(action: Action, error: NetlinkError): boolean {
  if (action.kind === 'route delete' || action.kind === 'policy-rule delete')
    return ['ENOENT', 'ESRCH', 'ENODEV', 'EAFNOSUPPORT'].includes(error.code);
  return false;
}

type Done = Pick<Outcome, 'foreign' | 'id'>;

async function request(action: Action, kernel: Kernel): Promise<Done> {
  const { route, generic, mptcp } = kernel;
  const text = actionText(action);
  switch (action.kind) {
    case 'route add':
      await addRoute(route, action.route, text);
      return {};
    case 'route append':
      await appendRoute(route, action.route, text);
      return {};
    case 'route delete':
      await deleteRoute(route, action.route, text);
      return {};
    case 'policy-rule add':
      await addPolicyRule(route, action.policyRule, text);
      return {};
    case 'policy-rule delete':
      await deletePolicyRule(route, action.policyRule, text);
      return {};
    case 'endpoint add':
      if (action.gateway) await forgetUnresolved(route, action.gateway, action.endpoint.ifindex);
      await addEndpoint(
        generic,
        mptcp,
        action.implicit ? { ...action.endpoint, id: 0 } : action.endpoint,
        text,
      );
      return action.implicit ? givenId(action.endpoint, kernel) : {};
    case 'endpoint change':
    case 'endpoint delete': {
      // The kernel deletes and changes endpoints by id alone, so the owner of the id is checked just before.
      const existing = await getEndpoint(generic, mptcp, action.endpoint.id);
      if (!existing || !sameEndpoint(action.endpoint, existing)) return { foreign: true };
      if (action.kind === 'endpoint delete') await deleteEndpoint(generic, mptcp, action.endpoint, text);
      else await changeEndpoint(generic, mptcp, action.endpoint, text);
      return {};
    }
    case 'endpoint try':
      await tryEndpoint(action, kernel, text);
      return {};
    case 'limits set':
      await setLimits(generic, mptcp, action.limits, text);
      return {};
  }
}

/** Sets the limit back and deletes the endpoint even if a request fails. */
async function tryEndpoint(
  { endpoint, subflows }: Extract<Action, { readonly kind: 'endpoint try' }>,
  { generic, mptcp }: Kernel,
  text: string,
): Promise<void> {
  const limit = async (value: number): Promise<void> => {
    if (subflows.during !== subflows.after) await setLimits(generic, mptcp, { subflows: value }, text);
  };
  await limit(subflows.during);
  try {
    await addEndpoint(generic, mptcp, endpoint, text);
  } catch (error) {
    await limit(subflows.after);
    throw error;
  }
  try {
    await limit(subflows.after);
  } finally {
    await deleteEndpoint(generic, mptcp, endpoint, text);
  }
}

/**
 * The id of an endpoint that was to replace an implicit one. If the implicit one was deleted
 * meanwhile, the kernel assigned a new id.
 */
async function givenId(added: Endpoint, { generic, mptcp }: Kernel): Promise<Done> {
  // The endpoint has been added: an error of this dump does not make the addition a failure.
  const existing = await dumpEndpoints(generic, mptcp).catch(noEndpoints);
  const found = existing.find((each) => sameEndpoint(added, each));
  return found && found.id !== added.id ? { id: found.id } : {};
}

function noEndpoints(error: unknown): readonly Endpoint[] {
  if (error instanceof NetlinkError) return [];
  throw error;
}

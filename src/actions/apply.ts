/** Does what was planned, in its order, and tells what came of it. Doing it twice does nothing. */
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { GenericFamily } from '../netlink/generic/family.ts';
import { mappedOf } from '../netlink/ip.ts';
import {
  addEndpoint,
  changeEndpoint,
  deleteEndpoint,
  dumpEndpoints,
  getEndpoint,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import { setLimits } from '../netlink/mptcp/limits.ts';
import { forgetUnresolved } from '../netlink/route/neighbour.ts';
import { addPolicyRule, deletePolicyRule } from '../netlink/route/policy-rule.ts';
import { addRoute, appendRoute, deleteRoute } from '../netlink/route/route.ts';
import { actionText, type Action } from '../plan/action.ts';
import { isThat } from '../plan/assess.ts';
import { isUnanswered } from './remember.ts';

export interface Kernel {
  readonly route: Requester;
  readonly generic: Requester;
  readonly mptcp: GenericFamily;
}

/** What came of one action. */
export interface Outcome {
  readonly action: Action;
  readonly error: NetlinkError | null;
  /** The endpoint under this id is no longer ours and was not touched. */
  readonly foreign?: boolean;
  /** The id that the kernel gave, where it is another than was asked for. */
  readonly id?: number;
  /** There was nothing to remove; if the next look finds it all the same, it is not asked for again at once. */
  readonly gone?: boolean;
  /** What was deleted to make place for it is to be added again. */
  readonly putBack?: boolean;
  /** The kernel holds this many endpoints and takes no more. */
  readonly full?: number;
}

/** Asked for, granted, and not left alone. */
export const isDone = ({ error, foreign, gone }: Outcome): boolean => !error && !foreign && !gone;

export interface Record {
  /** Ahead of each action: what must be written down first is. */
  readonly before: (action: Action) => void;
  readonly after: (outcome: Outcome) => void;
}

/**
 * Actions on routes and policy rules that follow each other leave together and are done by the kernel in their order;
 * each endpoint waits for all before it.
 */
export async function apply(actions: readonly Action[], kernel: Kernel, record: Record): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const batch of batches(actions)) {
    // Once the kernel has no room for one more endpoint it has none for those behind it; and an id that it chose may be
    // the one that was meant for the next. The next pass knows.
    const unforeseen = outcomes.some(({ full, id }) => full !== undefined || id !== undefined);
    if (batch[0]?.kind === 'endpoint add' && unforeseen) continue;
    const replaced = replacedBy(batch[0]!, outcomes);
    const done = await applyBatch(batch, kernel, record, replaced !== undefined);
    outcomes.push(...done);
    if (replaced && done[0]!.putBack) outcomes.push(...(await applyBatch([replaced], kernel, record)));
  }
  return outcomes;
}

async function applyBatch(
  batch: readonly Action[],
  kernel: Kernel,
  record: Record,
  replaces = false,
): Promise<Outcome[]> {
  for (const action of batch) record.before(action);
  const done = await Promise.all(batch.map((action) => applyOne(action, kernel)));
  return done.map((outcome) => {
    const { error } = outcome;
    const told = replaces && error && !isUnanswered(error) ? { ...outcome, putBack: true } : outcome;
    record.after(told);
    return told;
  });
}

/** What was deleted only so that this one could take its place, as it is to be added again if it can't. */
function replacedBy(action: Action, outcomes: readonly Outcome[]): Action | undefined {
  if (action.kind !== 'endpoint add') return undefined;
  const { address, ifindex } = action.endpoint;
  for (const { action: before, error, foreign } of outcomes)
    if (before.kind === 'endpoint delete' && !error && !foreign)
      if (before.endpoint.address === address && before.endpoint.ifindex === ifindex)
        return { ...action, endpoint: before.endpoint };
  return undefined;
}

const isRouting = (action: Action): boolean => /^(route|policy-rule) /.test(action.kind);

function batches(actions: readonly Action[]): Action[][] {
  const all: Action[][] = [];
  for (const action of actions) {
    const last = all.at(-1);
    if (last && isRouting(action) && isRouting(last[0]!)) last.push(action);
    else all.push([action]);
  }
  return all;
}

/** `counted`: endpoints that the kernel had when it refused one more before. */
async function applyOne(action: Action, kernel: Kernel, counted: number | null = null): Promise<Outcome> {
  try {
    return { action, error: null, ...(await request(action, kernel)) };
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    if (isGone(action, error)) return { action, error: null, gone: true };
    const full = action.kind === 'endpoint add' ? await fullAt(action.endpoint, error, kernel) : null;
    if (full === null) return { action, error };
    // Somebody may have made room before we counted: it is as many as were there at two refusals.
    return full === counted ? { action, error, full } : applyOne(action, kernel, full);
  }
}

/**
 * ERANGE since 6.12 or earlier; 6.1 answers EINVAL with the same words for a full table, an address and an id that is
 * there already: what the kernel has now tells them apart.
 */
async function fullAt(
  wanted: Endpoint,
  error: NetlinkError,
  { generic, mptcp }: Kernel,
): Promise<number | null> {
  const lying = error.code === 'EINVAL' && error.kernelText?.startsWith('too many addresses') === true;
  if (error.code !== 'ERANGE' && !lying) return null;
  const standing = await dumpEndpoints(generic, mptcp);
  const taken = standing.some(
    (each) => each.id === wanted.id || mappedOf(each.address) === mappedOf(wanted.address),
  );
  return taken ? null : standing.length;
}

/** Gone already is as good as removed. */
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
      // The kernel goes by the id alone: asked at the last moment whose it is.
      const stands = await getEndpoint(generic, mptcp, action.endpoint.id);
      if (!stands || !isThat(action.endpoint, stands)) return { foreign: true };
      if (action.kind === 'endpoint delete') await deleteEndpoint(generic, mptcp, action.endpoint, text);
      else await changeEndpoint(generic, mptcp, action.endpoint, text);
      return {};
    }
    case 'limits set':
      await setLimits(generic, mptcp, action.limits, text);
      return {};
  }
}

/** The implicit endpoint whose id it was to have may have gone meanwhile: then the kernel takes an id of its own. */
async function givenId(added: Endpoint, { generic, mptcp }: Kernel): Promise<Done> {
  // It stands: whatever comes of the question, the addition was no failure.
  const standing = await dumpEndpoints(generic, mptcp).catch(noEndpoints);
  const found = standing.find((each) => isThat(added, each));
  return found && found.id !== added.id ? { id: found.id } : {};
}

function noEndpoints(error: unknown): readonly Endpoint[] {
  if (error instanceof NetlinkError) return [];
  throw error;
}

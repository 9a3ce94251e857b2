/**
 * Finds what to do first when links have lost their carrier: open connections wait until the endpoint on such a link is
 * deleted, and a whole pass reads much more before it deletes one.
 */
import type { Action } from '../actions/action.ts';
import type { Kernel } from '../actions/apply.ts';
import type { State } from '../actions/state.ts';
import { dumpEndpoints } from '../netlink/mptcp/endpoint.ts';
import { getLink, type Link } from '../netlink/route/link.ts';
import { plan } from '../plan/plan.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { ChangeBatch } from './pending-changes.ts';

/** If more links than this have changed, a whole pass is as fast. */
const MAX_LINKS = 4;

export interface FirstDeletions {
  readonly actions: readonly Action[];
  /** The last snapshot with the present links and endpoints. */
  readonly snapshot: Snapshot;
}

/**
 * The deletions that a plan has with the last snapshot and the present links and endpoints; null: none, or more has
 * changed than these links, so that a whole pass must decide.
 * @param last the snapshot of the last pass; null: none
 * @throws NetlinkError, DecodeError
 */
export async function firstDeletions(
  { route, generic, mptcp }: Kernel,
  { stale, links: touched, dirty }: ChangeBatch,
  last: Snapshot | null,
  configuration: Configuration,
  state: State,
): Promise<FirstDeletions | null> {
  if (!last || state.paused || !touched || !dirty || !stale.has('links')) return null;
  const used = new Set([...state.owned.values()].map(({ ifindex }) => ifindex));
  if (touched.size > MAX_LINKS || ![...touched].some((ifindex) => used.has(ifindex))) return null;
  // The open connections change without an event.
  if (last.connections) return null;
  // All that have an endpoint: if the others are lost too, nothing is deleted. The kernel holds few endpoints.
  const read = [...new Set([...touched, ...used])].map(async (ifindex): Promise<[number, Link | null]> => [
    ifindex,
    await getLink(route, ifindex),
  ]);
  // The kernel reports no change of an endpoint.
  const [pairs, endpoints] = await Promise.all([Promise.all(read), dumpEndpoints(generic, mptcp)]);
  const found = new Map(pairs);
  const lost = new Set([...found.keys()].filter((ifindex) => !found.get(ifindex)?.usable));
  if (![...dirty.links].every((ifindex) => lost.has(ifindex))) return null;
  const snapshot = { ...last, endpoints, links: changedLinks(last.links, found) };
  const actions = plan(snapshot, configuration, state).actions.filter(
    (action) => action.kind === 'endpoint delete' && lost.has(action.endpoint.ifindex),
  );
  return actions.length > 0 ? { actions, snapshot } : null;
}

function changedLinks(
  links: ReadonlyMap<number, Link>,
  changes: ReadonlyMap<number, Link | null>,
): ReadonlyMap<number, Link> {
  const changed = new Map(links);
  for (const [ifindex, link] of changes) {
    if (link) changed.set(ifindex, link);
    else changed.delete(ifindex);
  }
  return changed;
}

/** Removes everything that multihomed owns, and nothing else. */
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Action } from '../actions/action.ts';
import { routingDifference } from './difference.ts';
import type { State } from '../actions/state.ts';
import { ownedEndpoints } from '../actions/ownership.ts';
import { limitsDifference } from './limits.ts';

/** @returns the actions in the order of execution: endpoints, policy rules, routes, limits */
export function flushActions(snapshot: Snapshot, state: State): Action[] {
  const nothing = { sources: new Set<string>(), tables: new Set<number>() };
  const { removals } = routingDifference([], nothing, snapshot);
  const { restore } = limitsDifference('auto', [], snapshot, state);
  const endpoints = ownedEndpoints(snapshot, state).map((endpoint) => ({
    kind: 'endpoint delete' as const,
    endpoint,
    device: snapshot.links.get(endpoint.ifindex)?.name ?? `if${endpoint.ifindex}`,
  }));
  return [...endpoints, ...removals, ...(restore ? [restore] : [])];
}

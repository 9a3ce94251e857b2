/**
 * Computes what must be done, from the kernel's state and the user's rules. It is pure, so that tests,
 * `--dry-run`, `plan` and `explain` see what the daemon sees. One pass takes an uplink one step further,
 * and its changes cause the next pass.
 */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from '../actions/action.ts';
import { removalConflict } from './conflict.ts';
import { describeAll, orphans, withoutAddress } from './describe.ts';
import { limitsDifference, routingDifference } from './difference.ts';
import { assessAll, claimTables, rank, route, verifyEvaluation, type Evaluation } from './evaluate.ts';
import { retire, isInside } from './retire.ts';
import { bridgeGaps, gapEnd } from './gap.ts';
import { AddressHolders, claimAddresses } from './holder.ts';
import { lingeringRoutes } from './linger.ts';
import type { State } from '../actions/state.ts';
import { select } from './select.ts';
import { suspectOf } from './suspect.ts';
import { tunnelsOf } from './tunnel.ts';
import { grantSlots } from './allocate.ts';
import type { Selected, Uplink } from './uplink.ts';
import { withdrawn } from './withdraw.ts';
import { ownedEndpoints } from '../actions/ownership.ts';

export interface Plan {
  readonly uplinks: readonly Uplink[];
  readonly selected: readonly Selected[];
  /** In the order of rank; `explain` reads them. */
  readonly evaluations: readonly Evaluation[];
  /** In the order of execution. */
  readonly actions: readonly Action[];
  /**
   * When a default route expires or is missing for too long, by the snapshot's clock in milliseconds; null: neither.
   */
  readonly expires: number | null;
}

/**
 * One pass. `foresee`: assume that routes and policy rules, once made, are
 * verified; for commands that change nothing.
 */
export function plan(
  given: Snapshot,
  configuration: Configuration,
  state: State,
  assumeRouted = false,
): Plan {
  const snapshot = bridgeGaps(given, state);
  const selected = select(snapshot, configuration.rules);
  const owned = ownedEndpoints(snapshot, state);
  const tunnels = tunnelsOf(snapshot, selected);
  const evaluations = route(rank(assessAll(snapshot, state, selected, owned, tunnels)), snapshot);
  const holders = new AddressHolders(evaluations, owned, snapshot);
  claimAddresses(evaluations, holders, snapshot);
  claimTables(evaluations);
  for (const evaluation of evaluations) verifyEvaluation(evaluation, snapshot, state, assumeRouted);
  const active = new Set<Family>(
    evaluations
      .filter(
        (evaluation) =>
          evaluation.verdict?.state === 'active' &&
          removalConflict(evaluation, state) === null &&
          !suspectOf(evaluation.candidate, snapshot),
      )
      .map((evaluation) => evaluation.candidate.family),
  );
  const leaving = withdrawn(owned, snapshot, configuration.rules);
  const retirement = retire({ evaluations, owned, active, leaving, tunnels, snapshot });
  const endpointAdds = grantSlots(evaluations, snapshot, state, owned, retirement);
  const wanted = evaluations.flatMap((evaluation) =>
    evaluation.routing && isWanted(evaluation) ? [evaluation.routing] : [],
  );
  const inside = (endpoint: Endpoint): boolean => isInside(endpoint, evaluations, tunnels);
  const outside = retirement.lingering.filter((each) => !inside(each));
  const ways = lingeringRoutes(outside, evaluations, holders, snapshot);
  const routing = routingDifference([...wanted, ...ways.followed], ways.kept, snapshot);
  const remaining = owned.filter((each) => !retirement.deletions.includes(each));
  const limits = limitsDifference(
    configuration.limits,
    // A refused endpoint does not count: with each further try the limits would go up and down.
    [
      ...remaining,
      ...endpointAdds.filter((add) => !wasRefused(add, state)).map(({ endpoint }) => endpoint),
      ...evaluations.flatMap(({ add }) => add.flatMap(changedEndpoint)),
    ],
    snapshot,
    state,
    remaining.some(inside),
  );
  const actions: Action[] = [
    ...(limits.close ? [limits.close] : []),
    ...retirement.deletions.map((endpoint) => deletion(endpoint, snapshot)),
    ...routing.removals,
    ...(limits.putBack ? [limits.putBack] : []),
    ...routing.additions,
    ...routing.superseded,
    ...(limits.raise ? [limits.raise] : []),
    ...evaluations.flatMap((evaluation) => evaluation.add),
  ];
  return {
    uplinks: [
      ...describeAll(evaluations, retirement, state, snapshot),
      ...withoutAddress(evaluations, retirement, state, selected),
      ...orphans(evaluations, retirement, snapshot, selected),
    ],
    selected,
    evaluations,
    actions: state.paused ? [] : actions.filter((action) => isDue(action, state)),
    expires: soonest(evaluations, snapshot.lookedUpAt, gapEnd(state)),
  };
}

/** An uplink that was refused for good keeps no routes; one that waits for a slot or another try does. */
function isWanted(evaluation: Evaluation): boolean {
  const state = evaluation.verdict?.state;
  if (state === undefined || state === 'active' || state === 'verified' || state === 'no free slot')
    return true;
  return evaluation.viable !== null && evaluation.verdict?.routed === true;
}

/** The endpoint with its new flags: fullmesh makes subflows at once, and needs the limit to be raised before. */
const changedEndpoint = (action: Action): readonly Endpoint[] =>
  action.kind === 'endpoint change' ? [action.endpoint] : [];

const wasRefused = (action: Action, state: State): boolean => state.failures.has(actionKey(action));

/** Whether an action was not refused, or is to be tried again. */
export function isDue(action: Action, state: State): boolean {
  return state.failures.get(actionKey(action))?.retry ?? true;
}

const deletion = (endpoint: Endpoint, snapshot: Snapshot): Action => ({
  kind: 'endpoint delete',
  endpoint,
  device: snapshot.links.get(endpoint.ifindex)?.name ?? `if${endpoint.ifindex}`,
});

/**
 * Milliseconds added to a route's expiry: the kernel counts in jiffies, and until the
 * route has expired it still answers.
 */
const EXPIRY_MARGIN_MS = 20;

function soonest(evaluations: readonly Evaluation[], lookedUpAt: number, gap: number | null): number | null {
  const ends = evaluations
    .map((evaluation) => evaluation.candidate.lookup?.default?.route.expires ?? null)
    .filter((seconds) => seconds !== null);
  const expiry = ends.length ? lookedUpAt + 1000 * Math.max(0, Math.min(...ends)) + EXPIRY_MARGIN_MS : null;
  return expiry === null || gap === null ? (expiry ?? gap) : Math.min(expiry, gap);
}

/**
 * Computes what must be done, from the kernel's state and the user's rules: select, look up, assess, allocate, route,
 * verify, grant slots, difference. Each step takes values and returns new ones. It is pure, so that tests, `--dry-run`,
 * `plan` and `explain` see what the daemon sees. One pass takes an uplink one step further, and its changes cause the
 * next pass.
 */
import { actionKey, type Action } from '../actions/action.ts';
import { ownedEndpoints } from '../actions/ownership.ts';
import type { State } from '../actions/state.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { allocate } from './allocate.ts';
import { assess } from './assess.ts';
import { removalConflict } from './conflict.ts';
import { describe } from './describe.ts';
import { routingDifference } from './difference.ts';
import type { Evaluation } from './evaluation.ts';
import { bridgeGaps, gapEnd } from './gap.ts';
import type { AddressHolders } from './holder.ts';
import { limitsDifference } from './limits.ts';
import { lingeringRoutes } from './linger.ts';
import { lookUp } from './look-up.ts';
import { isInside, retire } from './retire.ts';
import { retry, type Retry } from './retry.ts';
import { route } from './route.ts';
import { select } from './select.ts';
import { grantSlots, type SlotsGranted } from './slots.ts';
import { suspectOf } from './suspect.ts';
import { tunnelsOf, type Tunnels } from './tunnel.ts';
import type { RetryObstacle, Selected, Uplink } from './uplink.ts';
import { verify, type VerifyOptions } from './verify.ts';
import { findWithdrawn } from './withdraw.ts';

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
  /** Why subflows that were lost cannot be tried again; null: they can, or none is to be tried. */
  readonly retryObstacle: RetryObstacle | null;
}

/**
 * Plans one pass.
 * @param given the snapshot of this pass
 * @param options for commands that change nothing
 */
export function plan(
  given: Snapshot,
  configuration: Configuration,
  state: State,
  options: VerifyOptions = { assumeRouted: false },
): Plan {
  const snapshot = bridgeGaps(given, state);
  const owned = ownedEndpoints(snapshot, state);
  const selected = select(snapshot, configuration.rules);
  const tunnels = tunnelsOf(snapshot, selected);
  const candidates = selected
    .filter(({ rule }) => !rule.ignore)
    .flatMap((each) =>
      each.rule.families.flatMap((family) => lookUp(snapshot, each, family, owned, tunnels[family])),
    );
  const assessed = candidates.map((each) => assess(each, owned, snapshot, state));
  const { allocated, holders } = allocate(assessed, owned, snapshot);
  const verified = allocated
    .map((each) => route(each, snapshot))
    .map((each) => verify(each, snapshot, state, options));
  const families = verified
    .filter((each) => each.verdict?.state === 'active' && removalConflict(each, state) === null)
    .filter((each) => !suspectOf(each.candidate, snapshot))
    .map(({ candidate }) => candidate.family);
  const withdrawn = findWithdrawn(owned, snapshot, configuration.rules);
  const active = new Set(families);
  const retirement = retire({ selected, evaluations: verified, owned, active, withdrawn, tunnels, snapshot });
  const granted = grantSlots(verified, snapshot, state, owned, retirement);
  const retried = retry(granted.evaluations, snapshot, state);
  const actions = state.paused
    ? []
    : difference({ selected, granted, owned, holders, tunnels, snapshot, configuration, state, retried });
  return {
    uplinks: describe(granted.evaluations, granted.retirement, selected, snapshot, state),
    selected,
    evaluations: granted.evaluations,
    actions: actions.filter((action) => isDue(action, state)),
    retryObstacle: retried.obstacle,
    expires: soonestExpiry(granted.evaluations, snapshot.lookedUpAt, gapEnd(state)),
  };
}

interface DifferenceInput {
  readonly selected: readonly Selected[];
  readonly granted: SlotsGranted;
  readonly owned: readonly Endpoint[];
  readonly holders: AddressHolders;
  readonly tunnels: Tunnels;
  readonly snapshot: Snapshot;
  readonly configuration: Configuration;
  readonly state: State;
  readonly retried: Retry;
}

/** Last step: the actions that turn what the kernel has into what it should have, in the order of execution. */
function difference(input: DifferenceInput): Action[] {
  const { selected, granted, owned, holders, tunnels, snapshot, configuration, state, retried } = input;
  const { evaluations, retirement, additions } = granted;
  const wanted = evaluations.flatMap((each) => (each.routing && isWanted(each) ? [each.routing] : []));
  const inside = (endpoint: Endpoint): boolean => isInside(endpoint, { evaluations, tunnels, selected });
  const outside = retirement.lingering.filter((each) => !inside(each));
  const lingering = lingeringRoutes(outside, evaluations, holders, snapshot);
  const routing = routingDifference([...wanted, ...lingering.followed], lingering.kept, snapshot);
  const remaining = owned.filter((each) => !retirement.deletions.includes(each));
  const limits = limitsDifference(
    configuration.limits,
    // A refused endpoint does not count: with each further try the limits would go up and down.
    [
      ...remaining,
      ...additions.filter((add) => !wasRefused(add, state)).map(({ endpoint }) => endpoint),
      ...evaluations.flatMap((each) => each.actions.flatMap(changedEndpoint)),
    ],
    snapshot,
    state,
    { closed: remaining.some(inside) },
  );
  return [
    ...(limits.close ? [limits.close] : []),
    ...retirement.deletions.map((endpoint) => deletion(endpoint, snapshot)),
    ...routing.removals,
    ...(limits.restore ? [limits.restore] : []),
    ...routing.additions,
    ...routing.superseded,
    ...(limits.raise ? [limits.raise] : []),
    ...evaluations.flatMap((each) => each.actions),
    // A try sets the limit back to the one of the snapshot.
    ...(limits.close || limits.restore || limits.raise ? [] : retried.actions),
  ];
}

/** An uplink that was refused for good keeps no routes; one that waits for a slot or another try does. */
function isWanted({ verdict, path }: Evaluation): boolean {
  const state = verdict?.state;
  if (state === undefined || state === 'active' || state === 'verified' || state === 'no free slot')
    return true;
  return path !== null && verdict?.routed === true;
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

function soonestExpiry(
  evaluations: readonly Evaluation[],
  lookedUpAt: number,
  gap: number | null,
): number | null {
  const ends = evaluations
    .map((each) => each.candidate.lookup?.default?.route.expires ?? null)
    .filter((seconds) => seconds !== null);
  const expiry = ends.length ? lookedUpAt + 1000 * Math.max(0, Math.min(...ends)) + EXPIRY_MARGIN_MS : null;
  return expiry === null || gap === null ? (expiry ?? gap) : Math.min(expiry, gap);
}

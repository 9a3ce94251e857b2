/**
 * Computes what must be done, from the kernel's state and the user's rules. It is pure, so that tests,
 * `--dry-run`, `plan` and `explain` see what the daemon sees. One pass takes an uplink one step further,
 * and its changes cause the next pass.
 */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from './action.ts';
import { contest } from './contest.ts';
import { describeAll, orphans, withoutAddress } from './describe.ts';
import { limitsDifference, routingDifference } from './difference.ts';
import { standing } from './endpoint.ts';
import { assessAll, claimTables, rank, route, verifyEntry, type Entry } from './entry.ts';
import { decideFate, isInside } from './fate.ts';
import { bridgeGaps, gapEnd } from './gap.ts';
import { AddressHolders, claimAddresses } from './holder.ts';
import { waysOf } from './linger.ts';
import type { Memory } from './memory.ts';
import { select } from './select.ts';
import { tunnelsOf } from './tunnel.ts';
import { grantSlots } from './slots.ts';
import type { Selected, Uplink } from './uplink.ts';
import { withdrawn } from './withdraw.ts';

export interface Plan {
  readonly uplinks: readonly Uplink[];
  readonly selected: readonly Selected[];
  /** In the order of rank; `explain` reads them. */
  readonly entries: readonly Entry[];
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
export function plan(given: Snapshot, configuration: Configuration, memory: Memory, foresee = false): Plan {
  const snapshot = bridgeGaps(given, memory);
  const selected = select(snapshot, configuration.rules);
  const owned = standing(snapshot, memory);
  const tunnels = tunnelsOf(snapshot, selected);
  const entries = route(rank(assessAll(snapshot, memory, selected, owned, tunnels)), snapshot);
  const holders = new AddressHolders(entries, owned, snapshot);
  claimAddresses(entries, holders, snapshot);
  claimTables(entries);
  for (const entry of entries) verifyEntry(entry, snapshot, memory, foresee);
  const active = new Set<Family>(
    entries
      .filter((entry) => entry.verdict?.state === 'active' && contest(entry, memory) === null)
      .map((entry) => entry.candidate.family),
  );
  const leaving = withdrawn(owned, snapshot, configuration.rules);
  const fate = decideFate({ entries, owned, active, leaving, tunnels, snapshot });
  const endpointAdds = grantSlots(entries, snapshot, memory, owned, fate);
  const wanted = entries.flatMap((entry) => (entry.routing && isWanted(entry) ? [entry.routing] : []));
  const inside = (endpoint: Endpoint): boolean => isInside(endpoint, entries, tunnels);
  const outside = fate.lingering.filter((each) => !inside(each));
  const ways = waysOf(outside, entries, holders, snapshot);
  const routing = routingDifference([...wanted, ...ways.followed], ways.kept, snapshot);
  const remaining = owned.filter((each) => !fate.deletions.includes(each));
  const limits = limitsDifference(
    configuration.limits,
    // A refused endpoint does not count: with each further try the limits would go up and down.
    [
      ...remaining,
      ...endpointAdds.filter((add) => !wasRefused(add, memory)).map(({ endpoint }) => endpoint),
      ...entries.flatMap(({ add }) => add.flatMap(changedEndpoint)),
    ],
    snapshot,
    memory,
    remaining.some(inside),
  );
  const actions: Action[] = [
    ...(limits.close ? [limits.close] : []),
    ...fate.deletions.map((endpoint) => deletion(endpoint, snapshot)),
    ...routing.removals,
    ...(limits.putBack ? [limits.putBack] : []),
    ...routing.additions,
    ...routing.superseded,
    ...(limits.raise ? [limits.raise] : []),
    ...entries.flatMap((entry) => entry.add),
  ];
  return {
    uplinks: [
      ...describeAll(entries, fate, memory),
      ...withoutAddress(entries, fate, memory, selected),
      ...orphans(entries, fate, snapshot, selected),
    ],
    selected,
    entries,
    actions: memory.paused ? [] : actions.filter((action) => isDue(action, memory)),
    expires: soonest(entries, snapshot.answeredAt, gapEnd(memory)),
  };
}

/** An uplink that was refused for good keeps no routes; one that waits for a slot or another try does. */
function isWanted(entry: Entry): boolean {
  const state = entry.verdict?.state;
  if (state === undefined || state === 'active' || state === 'verified' || state === 'no free slot')
    return true;
  return entry.viable !== null && entry.verdict?.routed === true;
}

/** The endpoint with its new flags: fullmesh makes subflows at once, and needs the limit to be raised before. */
const changedEndpoint = (action: Action): readonly Endpoint[] =>
  action.kind === 'endpoint change' ? [action.endpoint] : [];

const wasRefused = (action: Action, memory: Memory): boolean => memory.failures.has(actionKey(action));

/** Whether an action was not refused, or is to be tried again. */
export function isDue(action: Action, memory: Memory): boolean {
  return memory.failures.get(actionKey(action))?.retry ?? true;
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
const MOMENT = 20;

function soonest(entries: readonly Entry[], answeredAt: number, gap: number | null): number | null {
  const ends = entries
    .map((entry) => entry.candidate.answer?.default?.route.expires ?? null)
    .filter((seconds) => seconds !== null);
  const expiry = ends.length ? answeredAt + 1000 * Math.max(0, Math.min(...ends)) + MOMENT : null;
  return expiry === null || gap === null ? (expiry ?? gap) : Math.min(expiry, gap);
}

/** Endpoints that the user withdrew: no rule selects their interface and family any more, or one says ignore. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Rule } from '../rules/rule.ts';
import { lookupKey, type KernelObjects, type Snapshot, type Suspect } from '../snapshot/snapshot.ts';
import { isBypassing } from './bypass.ts';
import { endpointFamily } from './endpoint.ts';
import type { State } from '../actions/state.ts';
import { isRenewed } from './renew.ts';
import { select, selectLink } from './select.ts';
import { guardOf } from './guard.ts';
import {
  ownRoutesIn,
  policyRulesFrom,
  PRIORITY,
  PRIORITY_FIRST,
  PRIORITY_GUARD,
  samePolicyRule,
  sameRoute,
} from './routing.ts';
import { isSparing } from './spare.ts';
import { tunnelsOf } from './tunnel.ts';
import type { Selected } from './uplink.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { ownedEndpoints } from '../actions/ownership.ts';

/**
 * The endpoints of `owned` that the user withdrew. If the link is gone, the endpoint's path is lost instead: it is
 * not known which rule would select the link.
 */
export function findWithdrawn(
  owned: readonly Endpoint[],
  base: KernelObjects,
  rules: readonly Rule[],
): Endpoint[] {
  return owned.filter((endpoint) => {
    const link = base.links.get(endpoint.ifindex);
    if (!link) return false;
    const rule = selectLink(base, rules, link)?.rule;
    return !rule || rule.ignore || !rule.families.includes(endpointFamily(endpoint));
  });
}

/** Whether the plan needs to know which connections are open. */
export function needsConnections(snapshot: Snapshot, rules: readonly Rule[], state: State): boolean {
  const owned = ownedEndpoints(snapshot, state);
  if (owned.length === 0) return false;
  const suspects = snapshot.suspects ?? new Map<string, Suspect>();
  if (owned.some(({ ifindex, address }) => suspects.get(lookupKey(ifindex, address))?.present === false))
    return true;
  if (owned.some((endpoint) => isRenewed(endpoint, snapshot))) return true;
  const selected = select(snapshot, rules);
  const tunnels = tunnelsOf(snapshot, selected);
  return (
    owned.some((endpoint) => isGuardDue(endpoint, snapshot, selected)) ||
    owned.some((endpoint) => tunnels[endpointFamily(endpoint)] && !isBypassing(endpoint, selected)) ||
    findWithdrawn(owned, snapshot, rules).length > 0
  );
}

/**
 * Whether a split tunnel has come up and the guard for an endpoint's address is not complete, or spares open sockets.
 * An address without a table of its own has no guard.
 */
function isGuardDue(
  { address, ifindex }: Endpoint,
  snapshot: Snapshot,
  selected: readonly Selected[],
): boolean {
  const placed = policyRulesFrom(snapshot, address).filter(({ protocol }) => protocol === RTPROT_MULTIHOMED);
  if (placed.some((rule) => isSparing(rule, PRIORITY_FIRST))) return true;
  const leading = placed.find(({ priority }) => priority === PRIORITY);
  const { usable } = snapshot.links.get(ifindex) ?? {};
  if (!leading || !usable || isBypassing({ ifindex }, selected)) return false;
  const { routes, policyRules } = guardOf(
    { family: leading.family, address, ifindex },
    snapshot,
    PRIORITY_GUARD,
  );
  return (
    !policyRules.every((rule) => placed.some((own) => samePolicyRule(own, rule))) ||
    !routes.every((route) => ownRoutesIn(snapshot, route.table).some((own) => sameRoute(own, route)))
  );
}

/**
 * How many connections have subflows from these addresses only.
 * @param connections the local addresses of each, as in the snapshot
 */
export const countCut = (
  connections: readonly (readonly string[])[],
  addresses: ReadonlySet<string>,
): number => connections.filter((locals) => locals.every((address) => addresses.has(address))).length;

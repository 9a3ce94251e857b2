/** Actions that turn what the kernel has into what it should have: routes, policy rules, limits. */
import type { NewPolicyRule, PolicyRule } from '../netlink/route/policy-rule.ts';
import type { Hop, NewRoute, Route } from '../netlink/route/route.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import type { Action } from '../actions/action.ts';
import {
  ownRoutesIn,
  policyRulesFrom,
  sameDestination,
  samePolicyRule,
  sameRoute,
  type Routing,
} from './routing.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/** Sources and tables of lingering endpoints: their policy rules and routes stay, although no uplink needs them. */
export interface Kept {
  readonly sources: ReadonlySet<string>;
  readonly tables: ReadonlySet<number>;
}

export interface RoutingChange {
  readonly removals: readonly Action[];
  readonly additions: readonly Action[];
  /** Deletions of the routes that the additions replace; they run after the additions. */
  readonly superseded: readonly Action[];
}

/** Compares the wanted routes and policy rules with those of multihomed in the snapshot. */
export function routingDifference(wanted: readonly Routing[], kept: Kept, snapshot: Snapshot): RoutingChange {
  const routes = firstOfEach(wanted.flatMap((each) => each.routes));
  const policyRules = wanted.flatMap((each) => each.policyRules);
  const wantedBySource = new Map<string | null, NewPolicyRule[]>();
  for (const rule of policyRules) {
    const same = wantedBySource.get(rule.source);
    if (same) same.push(rule);
    else wantedBySource.set(rule.source, [rule]);
  }
  const own = snapshot.policyRules.filter((rule) => rule.protocol === RTPROT_MULTIHOMED);
  const wantedByPlace = new Map(routes.map((route) => [placeOf(route), route]));
  const stalePolicyRules = own.filter(
    (rule) =>
      !(wantedBySource.get(rule.source) ?? []).some((each) => samePolicyRule(rule, each)) &&
      !(rule.source !== null && kept.sources.has(rule.source)),
  );
  const removed: Action[] = [];
  const superseded: Action[] = [];
  for (const route of snapshot.ownRoutes) {
    const other = wantedByPlace.get(placeOf(route));
    if (!other && kept.tables.has(route.table)) continue;
    for (const hop of hopsOf(route)) {
      if (hop && other && sameRoute({ ...route, hops: [hop] }, other)) continue;
      const action = removal(route, hop, snapshot);
      if (other && hop && mayCoexist(route, hop, other)) superseded.push(action);
      else removed.push(action);
    }
  }
  return {
    removals: [
      ...stalePolicyRules.map((rule) => ({
        kind: 'policy-rule delete' as const,
        policyRule: asNewRule(rule),
      })),
      ...removed,
    ],
    additions: additions({ routes, policyRules }, snapshot),
    superseded,
  };
}

/**
 * The kernel merges IPv6 routes that differ only in their gateway into one route, also those of different programs, and
 * a deletion without a gateway deletes all of them (ip -6 route append default … proto static; ip -6 route del
 * default). So each hop is compared and deleted separately. undefined: the whole route.
 */
const hopsOf = ({ family, hops, nexthop }: Route): readonly (Hop | undefined)[] =>
  nexthop === null && (family === 'ipv6' || hops.length === 1) ? hops : [undefined];

/**
 * Whether the new route can be added before the old one is deleted, so that the table always has one. IPv6 cannot
 * hold two routes through one gateway. The kernel reports the protocol of an IPv6 route's first hop only, so a new
 * hop behind another program's hop would be taken for that program's.
 */
const mayCoexist = ({ family, hops }: Route, { ifindex, gateway }: Hop, other: NewRoute): boolean =>
  family === 'ipv4' ||
  (hops.length === 1 && !(ifindex === other.hop.ifindex && gateway === other.hop.gateway));

function removal(route: Route, hop: Hop | undefined, snapshot: Snapshot): Action {
  const device = deviceName(hop?.ifindex ?? route.hops[0]?.ifindex ?? 0, snapshot);
  return { kind: 'route delete', route: asNewRoute(route, hop), device };
}

const deviceName = (ifindex: number, snapshot: Snapshot): string =>
  snapshot.links.get(ifindex)?.name ?? `if${ifindex}`;

/** Actions that add the missing routes and policy rules of a routing; empty: all are in place. */
export function additions(routing: Routing, snapshot: Snapshot): Action[] {
  const missing = routing.routes.filter((route) => !isInPlace(route, snapshot));
  return [
    ...missing.map((route) => ({
      kind: ownRoutesIn(snapshot, route.table).some(
        (own) => sameDestination(own, route) && own.hops[0] && mayCoexist(own, own.hops[0], route),
      )
        ? ('route append' as const)
        : ('route add' as const),
      route,
      device: deviceName(route.hop.ifindex, snapshot),
    })),
    ...routing.policyRules
      .filter((rule) => !policyRulesFrom(snapshot, rule.source).some((own) => samePolicyRule(own, rule)))
      .map((policyRule) => ({ kind: 'policy-rule add' as const, policyRule })),
  ];
}

const isInPlace = (route: NewRoute, snapshot: Snapshot): boolean =>
  ownRoutesIn(snapshot, route.table).some((own) =>
    hopsOf(own).some((hop) => hop && sameRoute({ ...own, hops: [hop] }, route)),
  );

/** A table has one default route and one connected route per subnet: those of the better-ranked uplink. */
function firstOfEach(routes: readonly NewRoute[]): NewRoute[] {
  const seen = new Set<string>();
  return routes.filter((route) => (seen.has(placeOf(route)) ? false : seen.add(placeOf(route))));
}

/** The place of a route; multihomed has at most one route in each place. */
const placeOf = ({ family, table, destination, prefixLength }: NewRoute | Route): string =>
  `${family} ${table} ${destination}/${prefixLength}`;

/** A policy rule of a dump in the shape of a request. */
export const asNewRule = (rule: PolicyRule): NewPolicyRule => ({
  family: rule.family,
  source: rule.source,
  sourceLength: rule.sourceLength,
  priority: rule.priority,
  table: rule.table,
  suppressPrefixLength: rule.suppressPrefixLength,
  protocol: rule.protocol,
  action: rule.action,
  ...(rule.goto === null ? {} : { goto: rule.goto }),
  ...(rule.selectors ? { selectors: rule.selectors } : {}),
  ...(rule.exact ? { exact: rule.exact } : {}),
});

/**
 * A route of a dump in the shape of a request to delete it. Without a hop in the request the kernel compares no hop.
 */
const asNewRoute = (route: Route, hop: Hop | undefined): NewRoute => ({
  family: route.family,
  destination: route.destination,
  prefixLength: route.prefixLength,
  table: route.table,
  protocol: route.protocol,
  hop: { ifindex: hop?.ifindex ?? 0, gateway: hop?.gateway ?? null, onlink: false },
  metrics: null,
});

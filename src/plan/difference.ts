/** Actions that turn what the kernel has into what it should have: routes, policy rules, limits. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { MPTCP_PM_ADDR_FLAG_FULLMESH, MPTCP_PM_ADDR_FLAG_LAMINAR } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { NewPolicyRule, PolicyRule } from '../netlink/route/policy-rule.ts';
import type { Hop, NewRoute, Route } from '../netlink/route/route.ts';
import type { LimitsSetting } from '../rules/rule.ts';
import { RTPROT_MULTIHOMED, type Snapshot } from '../snapshot/snapshot.ts';
import type { Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import {
  ownRoutesIn,
  policyRulesFrom,
  sameDestination,
  samePolicyRule,
  sameRoute,
  type Routing,
} from './routing.ts';

/**
 * Sources and tables of lingering endpoints: their policy rules and routes stay as they
 * are, although no uplink wants them.
 */
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
      if (other && hop && mayStandBeside(route, hop, other)) superseded.push(action);
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
 * The kernel merges IPv6 routes that differ only in their gateway into one route, whichever program made each, and a
 * deletion without a gateway deletes all of them (ip -6 route append default … proto static; ip -6 route del
 * default). So each hop is compared and deleted separately. undefined: the whole route.
 */
const hopsOf = ({ family, hops, nexthop }: Route): readonly (Hop | undefined)[] =>
  nexthop === null && (family === 'ipv6' || hops.length === 1) ? hops : [undefined];

/**
 * Whether the new route can be added before the old one is deleted, so that the table always has one. IPv6 cannot
 * hold two routes through one gateway. The kernel reports the protocol of an IPv6 route's first hop only, so a new
 * hop behind another program's hop would be taken for that program's.
 */
const mayStandBeside = ({ family, hops }: Route, { ifindex, gateway }: Hop, other: NewRoute): boolean =>
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
  const missing = routing.routes.filter((route) => !stands(route, snapshot));
  return [
    ...missing.map((route) => ({
      kind: ownRoutesIn(snapshot, route.table).some(
        (own) => sameDestination(own, route) && own.hops[0] && mayStandBeside(own, own.hops[0], route),
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

const stands = (route: NewRoute, snapshot: Snapshot): boolean =>
  ownRoutesIn(snapshot, route.table).some((own) =>
    hopsOf(own).some((hop) => hop && sameRoute({ ...own, hops: [hop] }, route)),
  );

/** A table has one default route and one connected route per subnet: those of the better-ranked uplink. */
function firstOfEach(routes: readonly NewRoute[]): NewRoute[] {
  const seen = new Set<string>();
  return routes.filter((route) => (seen.has(placeOf(route)) ? false : seen.add(placeOf(route))));
}

/** A place for a route: multihomed has at most one route in each. */
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

const LIMITS = ['subflows', 'addAddrAccepted'] as const;

/**
 * Flags that make the kernel connect to addresses that a peer announces. Without such a flag `auto` does not
 * raise add_addr_accepted, because that limit lets a peer choose where this host sends SYNs, including
 * 127.0.0.1:22 and internal networks.
 */
const CONNECTS_TO_ANNOUNCED = MPTCP_PM_ADDR_FLAG_FULLMESH | MPTCP_PM_ADDR_FLAG_LAMINAR;

/**
 * Changes of the MPTCP limits. They are raised while an owned endpoint exists or is about to be added,
 * and put back afterwards; a limit that an administrator changed since stays. The kernel refuses both
 * numbers if one is above its maximum.
 * `endpoints`: the owned endpoints that exist or are about to be added.
 */
export function limitsDifference(
  setting: LimitsSetting,
  endpoints: readonly Endpoint[],
  snapshot: Snapshot,
  state: State,
  /** No connection may get a new subflow: a full tunnel is up, and an endpoint beside it is still in use. */
  closed = false,
): { close: Action | null; raise: Action | null; putBack: Action | null } {
  const raise: { -readonly [K in keyof Limits]?: number } = {};
  const putBack: typeof raise = {};
  for (const limit of LIMITS) {
    const now = snapshot.limits[limit];
    const goal = closed ? 0 : goalOf(limit, setting, endpoints, state);
    const raised = state.raised[limit];
    if (raised?.theirs) continue;
    if (goal === null && raised && now === raised.to) putBack[limit] = raised.from;
    if (goal !== null && now !== goal && (closed || setting !== 'auto' || now < goal)) raise[limit] = goal;
  }
  const set: Action | null = Object.keys(raise).length
    ? { kind: 'limits set', limits: raise, raised: true }
    : null;
  return {
    close: closed ? set : null,
    raise: closed ? null : set,
    putBack: Object.keys(putBack).length ? { kind: 'limits set', limits: putBack, raised: false } : null,
  };
}

function goalOf(
  limit: keyof Limits,
  setting: LimitsSetting,
  endpoints: readonly Endpoint[],
  state: State,
): number | null {
  if (setting === 'leave' || endpoints.length === 0) return null;
  if (setting !== 'auto') {
    const wanted = setting[limit];
    return wanted === null ? null : Math.min(wanted, state.limitMax ?? Infinity);
  }
  const needed = limit === 'subflows' || endpoints.some((each) => each.flags & CONNECTS_TO_ANNOUNCED);
  return needed ? state.limitMax : null;
}

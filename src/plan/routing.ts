/** The routes and policy rules that an uplink is to have, and how they compare with existing ones. */
import { eachAttribute } from '../netlink/attribute.ts';
import { hostBits, networkOf } from '../netlink/ip.ts';
import {
  FR_ACT_GOTO,
  FR_ACT_TO_TBL,
  type NewPolicyRule,
  type PolicyRule,
} from '../netlink/route/policy-rule.ts';
import {
  RTN_UNICAST,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type DefaultRoute,
  type NewRoute,
  type Route,
} from '../netlink/route/route.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import { bypassedTunnel, NO_TABLES, pastTunnel, tunnelTables } from './bypass.ts';
import { groupedBy } from './grouped-by.ts';
import { guardOf, networksOf } from './guard.ts';
import { passedRules } from './passed-rules.ts';
import { sharesSubnet } from './shared-subnet.ts';
import { sparingRules } from './spare.ts';
import type { Candidate } from './candidate.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/** The first priority of multihomed's rules. */
export const PRIORITY_FIRST = 8680;
/** If another link has the same subnet: main's routes that are more specific than the subnet, as for containers. */
const PRIORITY_SHARED_SUBNET = 8680;
/** After that, the address's own subnet through its own link. */
const PRIORITY_SUBNET = 8681;
/** Main's routes that are more specific than a default. */
const PRIORITY_SPECIFIC = 8682;
/**
 * Refuses TCP to the networks of split tunnels. Comes after the rules for more specific routes, which may have the same
 * priority.
 */
export const PRIORITY_GUARD = 8683;
/** The rule that leads from the address into its table. */
export const PRIORITY = 8684;

/** An address, the table that it is to have, and the kernel's answer for it. */
export type RoutedAddress = Pick<Candidate, 'family' | 'address' | 'table' | 'lookup'> &
  Partial<Pick<Candidate, 'hostRule' | 'tunnel' | 'selected'>>;

interface RoutedPath {
  readonly candidate: RoutedAddress;
  readonly default: DefaultRoute | null;
}

export interface Routing {
  readonly routes: readonly NewRoute[];
  readonly policyRules: readonly NewPolicyRule[];
}

/**
 * The routes and policy rules of one uplink. The connected route comes first: the kernel looks for the
 * default route's gateway in the same table.
 */
export function routingOf(path: RoutedPath, snapshot: Snapshot): Routing {
  const { table, hostRule } = path.candidate;
  if (table === null) return { routes: [], policyRules: [] };
  // The administrator's own rule and table are used as they are.
  if (hostRule)
    return { routes: [], policyRules: pastTunnel(path.candidate, hostRule.rule.priority, snapshot) };
  const connected = connectedRoute(path);
  const leading = defaultRoute(path);
  const rules = policyRulesOf(path.candidate, snapshot);
  const guard = guardFor(path.candidate, rules, snapshot);
  return {
    routes: [connected, leading, ...guard.routes].filter((route) => route !== null),
    policyRules: [...rules, ...guard.policyRules],
  };
}

/**
 * The kernel checks rules of equal priority in the order in which they were added, and a guard rule that
 * came first would take what more specific routes carry. So the guard's rules are added last, and added
 * again after one of the others is added.
 */
function guardFor(candidate: RoutedAddress, rules: readonly NewPolicyRule[], snapshot: Snapshot): Routing {
  const { address, family, selected } = candidate;
  if (selected?.rule.tunnel === 'bypass') return { routes: [], policyRules: [] };
  const guarded = { family, address: address.address, ifindex: address.ifindex };
  const guard = guardOf(guarded, snapshot, PRIORITY_GUARD);
  const placed = policyRulesFrom(snapshot, address.address);
  const spared = sparingRules(candidate, networksOf(family, snapshot), snapshot, placed, PRIORITY_FIRST);
  const equal = rules
    .filter(({ priority }) => priority === PRIORITY_GUARD)
    .map((rule) => placed.findIndex((each) => samePolicyRule(each, rule)));
  const isEarly = guard.policyRules.some((rule) => {
    const at = placed.findIndex((each) => samePolicyRule(each, rule));
    return equal.some((other) => other === -1 || (at !== -1 && at < other));
  });
  return { routes: guard.routes, policyRules: [...spared, ...(isEarly ? [] : guard.policyRules)] };
}

function connectedRoute({ candidate }: RoutedPath): NewRoute | null {
  const { address, family, table, lookup } = candidate;
  // noprefixroute, or a prefix that the router has not announced as on-link: the host itself has no such route.
  if (lookup && !lookup.onLink) return null;
  // An address without a subnet has at most a peer on the link.
  if (address.prefixLength >= hostBits(family) && address.peer === null) return null;
  return {
    family,
    destination: networkOf(address.peer ?? address.address, address.prefixLength),
    prefixLength: address.prefixLength,
    table: table!,
    protocol: RTPROT_MULTIHOMED,
    hop: { ifindex: address.ifindex, gateway: null, onlink: false },
    metrics: null,
  };
}

function defaultRoute({ candidate, default: found }: RoutedPath): NewRoute | null {
  if (!found) return null;
  const { ifindex, gateway } = found.hop;
  return {
    family: candidate.family,
    destination: null,
    prefixLength: 0,
    table: candidate.table!,
    protocol: RTPROT_MULTIHOMED,
    hop: { ifindex, gateway, onlink: gateway !== null && found.hop.onlink },
    metrics: found.route.metrics,
  };
}

/** The policy rules of an address with a table. */
export function policyRulesOf(candidate: RoutedAddress, snapshot: Snapshot): readonly NewPolicyRule[] {
  const { family, address, table } = candidate;
  const rule = (priority: number, lookup: number, suppressPrefixLength: number | null): NewPolicyRule => ({
    family,
    source: address.address,
    sourceLength: hostBits(family),
    priority,
    table: lookup,
    suppressPrefixLength,
    protocol: RTPROT_MULTIHOMED,
  });
  // Rules of the host that apply before its default routes still come first. The rules after them, up to
  // PRIORITY_SPECIFIC, then move by one priority.
  const ownPriorities = { first: PRIORITY_FIRST, last: PRIORITY };
  const bypassed = bypassedTunnel(candidate);
  const { local, passed, tables } = passedRules(
    candidate,
    snapshot.policyRules,
    ownPriorities,
    bypassed?.rule ?? null,
  );
  const first = [
    ...(local ? [rule(PRIORITY_FIRST, RT_TABLE_LOCAL, null)] : []),
    ...passed.map(({ selectors, target }) => ({
      ...rule(PRIORITY_FIRST, 0, null),
      ...{ action: FR_ACT_GOTO, goto: target, selectors },
    })),
  ];
  const shift = first.length > 0 ? 1 : 0;
  const shared = [
    rule(PRIORITY_SHARED_SUBNET + shift, RT_TABLE_MAIN, address.prefixLength),
    rule(PRIORITY_SUBNET + shift, table!, 0),
  ];
  const inside = bypassed ? tunnelTables(bypassed, snapshot.tables[family]) : NO_TABLES;
  // Scripts of VPNs run `ip rule delete table main suppress_prefixlength 0`, which would delete multihomed's rule
  // instead of theirs. Unless main has routes for halves of all addresses (/1), a length of 1 has the same effect.
  const shortest = (each: number): number => (each === RT_TABLE_MAIN && !snapshot.halves[family] ? 1 : 0);
  const own = [
    ...first,
    ...(sharesSubnet(address, snapshot.addresses) ? shared : []),
    ...[...new Set([...tables, ...inside.specific, RT_TABLE_MAIN])].map((each) =>
      rule(PRIORITY_SPECIFIC + shift, each, Math.max(inside.longest.get(each) ?? 0, shortest(each))),
    ),
    rule(PRIORITY, table!, null),
  ];
  return [...pastTunnel(candidate, own[0]!.priority, snapshot), ...own];
}

/** Whether both routes have the same place: family, table and destination. */
export const sameDestination = (own: Route, wanted: NewRoute): boolean =>
  own.family === wanted.family &&
  own.table === wanted.table &&
  own.prefixLength === wanted.prefixLength &&
  own.destination === wanted.destination;

/** Whether an existing route has one hop and is equal to the wanted one, its metrics in any order included. */
export function sameRoute(own: Route, wanted: NewRoute): boolean {
  const [hop] = own.hops;
  return (
    sameDestination(own, wanted) &&
    own.type === (wanted.type ?? RTN_UNICAST) &&
    own.hops.length === 1 &&
    hop !== undefined &&
    hop.ifindex === wanted.hop.ifindex &&
    hop.gateway === wanted.hop.gateway &&
    hop.onlink === wanted.hop.onlink &&
    metricsText(own.metrics) === metricsText(wanted.metrics)
  );
}

/** Whether an existing policy rule is the wanted one and has no further selectors. */
export const samePolicyRule = (own: PolicyRule, wanted: NewPolicyRule): boolean =>
  own.family === wanted.family &&
  own.protocol === wanted.protocol &&
  own.priority === wanted.priority &&
  own.action === (wanted.action ?? FR_ACT_TO_TBL) &&
  own.table === wanted.table &&
  own.goto === (wanted.goto ?? null) &&
  own.source === wanted.source &&
  own.sourceLength === wanted.sourceLength &&
  own.suppressPrefixLength === wanted.suppressPrefixLength &&
  own.suppressGroup === null &&
  own.iif === null &&
  own.oif === null &&
  !own.invert &&
  !own.l3mdev &&
  (own.selectors ?? NOTHING).equals(wanted.selectors ?? NOTHING);

const NOTHING = Buffer.alloc(0);

/** Metrics as text, in the order of their types, since the kernel's order may differ. */
function metricsText(metrics: Buffer | null): string {
  if (!metrics) return '';
  return eachAttribute(metrics)
    .sort(([a], [b]) => a - b)
    .map(([type, value]) => `${type}=${value.toString('hex')}`)
    .join(' ');
}

const byTable = groupedBy((route: Route) => route.table);
const bySource = groupedBy((rule: PolicyRule) => rule.source);

/** Routes of multihomed in one table. */
export const ownRoutesIn = (snapshot: Snapshot, table: number): readonly Route[] =>
  byTable(snapshot.ownRoutes, table);

/** Policy rules of all programs by source, in the kernel's order. `source`: null selects rules without one. */
export const policyRulesFrom = (snapshot: Snapshot, source: string | null): readonly PolicyRule[] =>
  bySource(snapshot.policyRules, source);

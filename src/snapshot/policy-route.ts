/**
 * Computes the route of a packet from policy rules and tables, as the kernel does: net/core/fib_rules.c,
 * net/ipv4/fib_trie.c and net/ipv6/route.c. It is pure: rules and routes in, the route and its rule out.
 */
import { inNetwork, type Family } from '../netlink/ip.ts';
import {
  FR_ACT_BLACKHOLE,
  FR_ACT_GOTO,
  FR_ACT_NOP,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  type PolicyRule,
} from '../netlink/route/policy-rule.ts';
import {
  RTN_BLACKHOLE,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type Hop,
  type Route,
} from '../netlink/route/route.ts';

/**
 * A packet that this host sends. It has no firewall mark, type of service, protocol or port that a rule could select.
 */
export interface Packet {
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  /** User id of its socket; null: none that a rule selects. */
  readonly uid?: number | null;
}

/** Routes by table. A missing table has not been read; an empty list is a table without routes. */
export type Tables = ReadonlyMap<number, readonly Route[]>;

export type PolicyRoute =
  | {
      readonly kind: 'route';
      readonly rule: PolicyRule;
      readonly route: Route;
      /** null: the packet does not leave through a link (a local or broadcast route without one). */
      readonly hop: Hop | null;
    }
  /** Refused by a rule's action or a route's type. */
  | {
      readonly kind: 'refused';
      readonly rule: PolicyRule;
      readonly route: Route | null;
      readonly code: UnreachableCode;
    }
  /** The table that this rule leads to must be read first. */
  | { readonly kind: 'unread'; readonly rule: PolicyRule }
  | { readonly kind: 'none' };

export type UnreachableCode = 'EINVAL' | 'ENETUNREACH' | 'EHOSTUNREACH' | 'EACCES';

/** The kernel's answers by FR_ACT_*. */
const ACTION_CODES: Readonly<Record<number, UnreachableCode>> = {
  [FR_ACT_BLACKHOLE]: 'EINVAL',
  [FR_ACT_UNREACHABLE]: 'ENETUNREACH',
  [FR_ACT_PROHIBIT]: 'EACCES',
};
/** The kernel's answers by RTN_*. */
const TYPE_CODES: Readonly<Record<number, UnreachableCode>> = {
  [RTN_BLACKHOLE]: 'EINVAL',
  [RTN_UNREACHABLE]: 'EHOSTUNREACH',
  [RTN_PROHIBIT]: 'EACCES',
};

/**
 * @param rules of the packet's family, in the kernel's order
 * @param groupOf interface group of a link, for suppress_ifgroup
 */
export function policyRoute(
  packet: Packet,
  rules: readonly PolicyRule[],
  tables: Tables,
  groupOf: (ifindex: number) => number = () => 0,
): PolicyRoute {
  for (let at = 0; at < rules.length; at++) {
    const rule = rules[at]!;
    if (!matches(rule, packet)) continue;
    if (rule.action === FR_ACT_GOTO) {
      // The loop continues at the target itself. Without a target the rule does nothing.
      const target = rules.findIndex(({ priority }) => priority === rule.goto);
      if (target > at) at = target - 1;
      continue;
    }
    if (rule.action === FR_ACT_NOP) continue;
    if (rule.action !== FR_ACT_TO_TBL)
      return { kind: 'refused', rule, route: null, code: ACTION_CODES[rule.action] ?? 'EINVAL' };
    const routes = tables.get(rule.table);
    if (!routes) {
      if (isPassedUnread(rule)) continue;
      return { kind: 'unread', rule };
    }
    const found = inTable(packet, routes);
    if (!found || found.route.type === RTN_THROW) continue;
    const code = refusalOf(found);
    if (code) return { kind: 'refused', rule, route: found.route, code };
    if (!isSuppressed(rule, found, groupOf)) return { kind: 'route', rule, ...found };
  }
  return { kind: 'none' };
}

/**
 * Whether the rule can be skipped although its table is unread: `local` usually has only the host's own addresses, and
 * a rule that suppresses main's default finds only more specific routes, which multihomed does not change.
 */
const isPassedUnread = ({ table, suppressPrefixLength }: PolicyRule): boolean =>
  table === RT_TABLE_LOCAL || (table === RT_TABLE_MAIN && suppressPrefixLength !== null);

/** fib_rule_match (net/core/fib_rules.c); the input interface of packets from this host is lo. */
function matches(rule: PolicyRule, packet: Packet): boolean {
  if (rule.family !== packet.family) return false;
  const { source, destination, uids } = rule;
  const uid = packet.uid ?? null;
  const match =
    (rule.iif === null || rule.iif === 'lo') &&
    rule.oif === null &&
    (rule.fwmark & rule.fwmask) === 0 &&
    !rule.l3mdev &&
    !rule.header &&
    (uids === null || (uid !== null && uid >= uids[0] && uid <= uids[1])) &&
    (source === null || inNetwork(packet.source, source, rule.sourceLength)) &&
    (destination === null || inNetwork(packet.destination, destination, rule.destinationLength));
  return match !== rule.invert;
}

interface RouteMatch {
  readonly route: Route;
  readonly hop: Hop | null;
}

/** The longest prefix; of equal ones the narrowest source, then the lowest metric, then the first in the list. */
export function inTable(packet: Packet, routes: readonly Route[]): RouteMatch | null {
  const covering = routes.filter(
    ({ destination, prefixLength, expires }) =>
      (destination === null || inNetwork(packet.destination, destination, prefixLength)) &&
      (expires ?? 1) > 0,
  );
  const fit = covering
    .filter((route) =>
      route.from
        ? inNetwork(packet.source, route.from.network, route.from.prefixLength)
        : !isHidden(route, covering),
    )
    .sort(
      (a, b) =>
        b.prefixLength - a.prefixLength ||
        (b.from?.prefixLength ?? 0) - (a.from?.prefixLength ?? 0) ||
        a.metric - b.metric,
    );
  for (const route of fit) {
    const hop = route.hops.find((each) => !each.dead || each.linkDown) ?? null;
    // All hops are dead: the kernel continues with the next route.
    if (hop || route.hops.length === 0 || route.type !== RTN_UNICAST) return { route, hop };
  }
  return null;
}

/**
 * An IPv6 route for any source is hidden by one for a certain source with the same prefix, except for
 * defaults: after `ip -6 route add 4000::9 via A` and `ip -6 route add 4000::9 from 2001:db8::/64 via B` the
 * kernel finds no route there for another source.
 */
const isHidden = ({ prefixLength }: Route, covering: readonly Route[]): boolean =>
  prefixLength > 0 && covering.some((other) => other.from && other.prefixLength === prefixLength);

/** A blackhole nexthop object has no hop. */
function refusalOf({ route, hop }: RouteMatch): UnreachableCode | null {
  if (route.type === RTN_UNICAST && !hop && route.nexthop !== null) return 'EINVAL';
  return TYPE_CODES[route.type] ?? null;
}

/** Error routes are never suppressed: `unreachable default` refuses packets even under suppress_prefixlength 0. */
const isSuppressed = (
  rule: PolicyRule,
  { route, hop }: RouteMatch,
  groupOf: (ifindex: number) => number,
): boolean =>
  (rule.suppressPrefixLength !== null && route.prefixLength <= rule.suppressPrefixLength) ||
  (rule.suppressGroup !== null && hop !== null && groupOf(hop.ifindex) === rule.suppressGroup);

/** The route lookup of the model kernel: policy rules, tables, the longest prefix, the lowest metric. */
import {
  bitsOf,
  covers,
  Refusal,
  type ModelHop,
  type ModelRoute,
  type ModelRule,
  type State,
} from './state.ts';
import type { Family } from '../../src/netlink/ip.ts';

export interface Flow {
  readonly family: Family;
  readonly destination: string;
  readonly source?: string | undefined;
  readonly oif?: number | undefined;
  /** Minimum scope of the route: 253 in a lookup of a gateway. */
  readonly scope?: number;
  /** Ignores suppress_prefixlength, as IPv6 does in a lookup of a gateway (fib6_rule_suppress has no fib6_info). */
  readonly unsuppressed?: boolean;
  /** Also finds routes that the kernel skips because of a nexthop object. */
  readonly unhidden?: boolean;
}

type Tables = Pick<State, 'routes' | 'now'>;

export interface Found {
  readonly route: ModelRoute;
  readonly hop: ModelHop | null;
}

const RTN_UNICAST = 1;
const UNREACHABLE: Readonly<Record<number, 'EINVAL' | 'EHOSTUNREACH' | 'EACCES'>> = {
  6: 'EINVAL',
  7: 'EHOSTUNREACH',
  8: 'EACCES',
};

/** Returns null when no rule leads to a route. @throws Refusal for an unreachable, blackhole or prohibit route */
export function lookup(
  state: Tables & Pick<State, 'policyRules'>,
  flow: Flow,
  usable: (rule: ModelRule) => boolean = () => true,
): Found | null {
  let from = 0;
  for (const rule of state.policyRules) {
    if (rule.family !== flow.family || !usable(rule) || rule.priority < from || !selects(rule, flow))
      continue;
    if (rule.goto !== null) {
      from = state.policyRules.some((each) => each.family === flow.family && each.priority === rule.goto)
        ? rule.goto
        : from;
      continue;
    }
    const action = UNREACHABLE[rule.action];
    if (action) throw new Refusal(action === 'EHOSTUNREACH' ? 'ENETUNREACH' : action);
    const found = inTable(state, rule.table, flow);
    if (!found) continue;
    if (!flow.unsuppressed && rule.suppress !== null && found.route.prefixLength <= rule.suppress) continue;
    const refused = UNREACHABLE[found.route.type];
    if (refused) throw new Refusal(refused);
    return found;
  }
  return null;
}

export function selects(rule: ModelRule, flow: Flow): boolean {
  const { destination, destinationLength, ipproto } = rule;
  // The packets of these lookups have no protocol.
  if (ipproto !== undefined) return false;
  if (destination !== null && !covers(flow.family, destination, destinationLength, flow.destination))
    return false;
  if (rule.source === null) return true;
  return flow.source !== undefined && covers(flow.family, rule.source, rule.sourceLength, flow.source);
}

/** Looks up one table. An expired route is ignored although it still exists. */
export function inTable({ routes, now }: Tables, table: number, flow: Flow): Found | null {
  const fit: ModelRoute[] = [];
  for (const route of routes)
    if (
      route.table === table &&
      route.family === flow.family &&
      route.scope >= (flow.scope ?? 0) &&
      (route.expires ?? Infinity) > now &&
      covers(route.family, route.destination, route.prefixLength, flow.destination)
    )
      fit.push(route);
  if (fit.length > 1) fit.sort((a, b) => b.prefixLength - a.prefixLength || a.metric - b.metric);
  let given = Infinity;
  for (const route of fit) {
    if (route.prefixLength >= given) continue;
    const hop = usableHop(route, flow);
    if (hop || route.type !== RTN_UNICAST) return { route, hop };
    // fib_table_lookup skips a whole prefix when it finds a nexthop object that does not match.
    if (route.nexthop !== undefined && route.family === 'ipv4' && !flow.unhidden) given = route.prefixLength;
  }
  return null;
}

/** With a source, IPv6 only prefers the device: it may still use the route of another. */
function usableHop(route: ModelRoute, { family, oif, source }: Flow): ModelHop | null {
  const alive = route.hops.filter((hop) => !hop.dead);
  if (oif === undefined) return alive[0] ?? null;
  const through = alive.find((hop) => hop.ifindex === oif);
  if (through) return through;
  return family === 'ipv6' && source !== undefined ? (alive[0] ?? null) : null;
}

/** The reply to RTM_GETROUTE with RTM_F_FIB_MATCH. @throws Refusal */
export function matchRoute(state: State, flow: Flow): ModelRoute {
  const { family, source, oif } = flow;
  if (family === 'ipv4' && source !== undefined && !state.isLocal(source)) throw new Refusal('ENETUNREACH');
  const link = oif === undefined ? undefined : state.links.get(oif);
  if (oif !== undefined && !link) throw new Refusal('ENODEV');
  if (family === 'ipv4' && link && (!link.up || !hasIPv4(state, link.index)))
    throw new Refusal('ENETUNREACH');
  const found = lookup(state, flow);
  if (!found) throw new Refusal(family === 'ipv4' && oif !== undefined ? 'EHOSTUNREACH' : 'ENETUNREACH');
  return found.route;
}

/** In the real kernel, too, a link that ever had an address has IPv4 as long as it is up. */
const hasIPv4 = (state: State, ifindex: number): boolean => state.links.has(ifindex);

export const hostPrefix = (family: Family): number => bitsOf(family);

/** Where the model kernel sends a packet: policy rules, tables, the longest prefix, the lowest metric. */
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
  /** Scope that a route must have at least: 253 when a gateway is looked for. */
  readonly scope?: number;
  /** suppress_prefixlength is not looked at: IPv6 does not when it looks for a gateway (fib6_rule_suppress knows no fib6_info). */
  readonly unsuppressed?: boolean;
  /** What stands behind a nexthop object is seen all the same: what is there, rather than what the kernel answers. */
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

/** null: no rule leads anywhere. @throws Refusal for an unreachable, blackhole or prohibit route */
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
  // No packet that is asked for has one.
  if (ipproto !== undefined) return false;
  if (destination !== null && !covers(flow.family, destination, destinationLength, flow.destination))
    return false;
  if (rule.source === null) return true;
  return flow.source !== undefined && covers(flow.family, rule.source, rule.sourceLength, flow.source);
}

/** One table alone. What has expired answers no more, though it still stands. */
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
    // fib_table_lookup gives a whole prefix up at a nexthop object that does not fit.
    if (route.nexthop !== undefined && route.family === 'ipv4' && !flow.unhidden) given = route.prefixLength;
  }
  return null;
}

/** IPv6 only prefers the device when a source is given: it still takes the route of another. */
function usableHop(route: ModelRoute, { family, oif, source }: Flow): ModelHop | null {
  const alive = route.hops.filter((hop) => !hop.dead);
  if (oif === undefined) return alive[0] ?? null;
  const through = alive.find((hop) => hop.ifindex === oif);
  if (through) return through;
  return family === 'ipv6' && source !== undefined ? (alive[0] ?? null) : null;
}

/** What RTM_GETROUTE answers with RTM_F_FIB_MATCH. @throws Refusal */
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

/** A link has IPv4 as long as it is up in the real kernel, too, once it ever had an address. */
const hasIPv4 = (state: State, ifindex: number): boolean => state.links.has(ifindex);

export const hostPrefix = (family: Family): number => bitsOf(family);

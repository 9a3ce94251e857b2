/** Finds the default route that an uplink would have without multihomed. */
import type { Requester } from '../netlink/connection.ts';
import { addressRange, hostBits, inNetwork, type Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import {
  dumpRoutes,
  RTN_UNICAST,
  RT_TABLE_MAIN,
  type Route,
  type DefaultRoute,
} from '../netlink/route/route.ts';
import { neighboursOf } from './neighbour.ts';
import { PROBES } from './probe.ts';
import { type LookupRequest, type MissingDefault } from './snapshot.ts';
import { probeFib, type FibProbe } from './probe-fib.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/** Prefix length that the subnet of an IPv6 link usually has (RFC 4291 section 2.5.1). */
const SUBNET = 64;

export interface DefaultSearch {
  readonly default: DefaultRoute | null;
  /** Why there is no default route; null: there is one. */
  readonly missing: MissingDefault | null;
}

/**
 * A usable hop of a route through one link. If several lead through the link, the first, since the user ranked them.
 */
function hopThrough(route: Route, ifindex: number): DefaultRoute | null {
  if (route.type !== RTN_UNICAST) return null;
  const hop = route.hops.find((each) => each.ifindex === ifindex && !each.dead);
  return hop ? { route, hop } : null;
}

/**
 * The default route through a link. The look-up names the device and no source: with the source, multihomed's own
 * policy rule would decide as soon as it exists. For IPv6, too, only a look-up without a source is strict about the
 * device. `plain`: the look-up without device and source.
 * A default route through a nexthop object hides those of higher metric from an IPv4 look-up by device: while it
 * exists, `ip route get fibmatch 192.0.2.1 oif eth1` answers EHOSTUNREACH although eth1 has a default route. If the
 * host has such `objects`, the routes of main are dumped instead.
 */
export async function findDefault(
  requester: Requester,
  family: Family,
  ifindex: number,
  plain: () => Promise<FibProbe>,
  objects: () => Promise<boolean>,
): Promise<DefaultSearch> {
  const asked = await probeFib(requester, family, { ifindex }, plain);
  // Another program's policy rule may lead into a table with routes of multihomed.
  if (asked.specific || asked.route?.protocol === RTPROT_MULTIHOMED)
    return defaultBelow(requester, family, ifindex);
  if (!asked.route) {
    const missing: MissingDefault = { code: 'unreachable', errno: asked.error?.code ?? null };
    return family === 'ipv4' && (await objects())
      ? { ...(await defaultBelow(requester, family, ifindex)), missing }
      : { default: null, missing };
  }
  const found = hopThrough(asked.route, ifindex);
  if (found) return { default: found, missing: null };
  return { default: null, missing: { code: 'other-interface' } };
}

/**
 * With a split default (0/1 and 128/1) on the link every probe has a more specific route, so the default routes of
 * main are dumped. Only in this case, because main may hold a million routes.
 */
async function defaultBelow(requester: Requester, family: Family, ifindex: number): Promise<DefaultSearch> {
  const found = bestDefault(
    await dumpRoutes(requester, { family, table: RT_TABLE_MAIN, ifindex, defaultsOnly: true }),
    ifindex,
  );
  return { default: found, missing: found ? null : { code: 'specific-only' } };
}

/**
 * The default route on a link that fits an address best: one that prefers the address as source, then one for the
 * address's network only (RFC 8028), then one with a gateway in the address's prefix, then `usual` (which the kernel
 * selects for any source), then the lowest metric. Without an address: the lowest metric of those for any source.
 */
export function bestDefault(
  routes: readonly Route[],
  ifindex: number,
  of?: Pick<LookupRequest, 'family' | 'address' | 'length'>,
  usual: DefaultRoute | null = null,
): DefaultRoute | null {
  const rank = ({ route, hop }: DefaultRoute): readonly number[] => [
    of && route.preferredSource === of.address ? 0 : 1,
    -(route.from?.prefixLength ?? 0),
    of && isNear(hop.gateway, of) ? 0 : 1,
    usual && sameHop({ route, hop }, usual) ? 0 : 1,
    route.metric,
  ];
  const found = routes
    .filter(({ type, prefixLength }) => type === RTN_UNICAST && prefixLength === 0)
    .filter(({ expires, protocol }) => (expires ?? 1) > 0 && protocol !== RTPROT_MULTIHOMED)
    .filter(({ from }) => !from || (of && inNetwork(of.address, from.network, from.prefixLength)))
    .flatMap((route) =>
      route.hops.filter((hop) => hop.ifindex === ifindex && !hop.dead).map((hop) => ({ route, hop })),
    )
    .map((each) => ({ each, rank: rank(each) }));
  found.sort((a, b) => {
    const at = a.rank.findIndex((value, index) => value !== b.rank[index]);
    return at === -1 ? 0 : a.rank[at]! - b.rank[at]!;
  });
  return found[0]?.each ?? null;
}

const sameHop = (one: DefaultRoute, other: DefaultRoute): boolean =>
  one.hop.gateway === other.hop.gateway && one.route.metric === other.route.metric;

const isNear = (
  gateway: string | null,
  { family, address, length }: Pick<LookupRequest, 'family' | 'address' | 'length'>,
): boolean => gateway !== null && length < hostBits(family) && inNetwork(gateway, address, length);

/**
 * Whether another default route of the link may fit the address better than the one that the kernel selects for any
 * source; then all default routes of main must be read. A link-local gateway or no gateway fits every address.
 */
export function mayHaveBetter({ hop, route }: DefaultRoute, request: LookupRequest): boolean {
  if (route.table !== RT_TABLE_MAIN) return false;
  if (!request.alone) return true;
  const { gateway } = hop;
  if (gateway === null || request.length >= hostBits(request.family)) return false;
  return !isNear(gateway, request) && addressRange(gateway) !== 'linkLocal';
}

/**
 * The default route in main for the address's own network only (RFC 8028), which takes precedence over the others of
 * the link. The look-up is for a neighbour of the address, since for the address itself multihomed's own policy rule
 * answers. The kernel accepts any source in a look-up.
 */
export async function findSourceDefault(
  requester: Requester,
  { family, ifindex, address, prefixLength }: LookupRequest,
  plain: () => Promise<FibProbe>,
): Promise<DefaultRoute | null> {
  if (family !== 'ipv6') return null;
  // DHCPv6 assigns a single address (/128), although its network is a whole /64.
  for (const source of neighboursOf(address, Math.min(prefixLength ?? SUBNET, SUBNET))) {
    const { route } = await probeFib(requester, family, { ifindex, source }, plain);
    // This neighbour is another address of the host, which has a policy rule of multihomed.
    if (route?.protocol === RTPROT_MULTIHOMED) continue;
    return route?.from ? hopThrough(route, ifindex) : null;
  }
  return null;
}

/** The source address that the kernel selects through a link: RFC 6724 with the kernel's own additions. */
export async function preferredSource(
  requester: Requester,
  family: Family,
  ifindex: number,
  plain: () => Promise<FibProbe>,
): Promise<string | null> {
  const ask = (destination: string) => askFib(requester, { family, destination, ifindex, resolved: true });
  const [first] = PROBES[family];
  let lookup = await ask(first!);
  // A refusal may concern this probe only.
  const bare = 'error' in lookup ? (await plain()).bareProbe : null;
  if (bare && bare.probe !== first) lookup = await ask(bare.probe);
  return 'route' in lookup ? lookup.route.preferredSource : null;
}

/** The default route of an uplink as it is without us. */
import type { Requester } from '../netlink/connection.ts';
import { addressRange, hostBits, inNetwork, type Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import { dumpRoutes, RTN_UNICAST, RT_TABLE_MAIN, type Route } from '../netlink/route/route.ts';
import { neighboursOf } from './neighbour.ts';
import { PROBES } from './probe.ts';
import { RTPROT_MULTIHOMED, type DefaultRoute, type Question } from './snapshot.ts';
import { walk, type Walked } from './walk.ts';

/** The most specific subnet that IPv6 gives to a link as a rule (RFC 4291, 2.5.1), in bits. */
const SUBNET = 64;

export interface Found {
  readonly default: DefaultRoute | null;
  /** In words, when there is none. */
  readonly why: string | null;
}

/** A usable hop of a route through one link; of several on the link the first, as they are ranked by the user. */
function hopThrough(route: Route, ifindex: number): DefaultRoute | null {
  if (route.type !== RTN_UNICAST) return null;
  const hop = route.hops.find((each) => each.ifindex === ifindex && !each.dead);
  return hop ? { route, hop } : null;
}

/**
 * The default route through a link: asked with the device and without the source, since our own policy rule answers for
 * the source once it stands. IPv6 is strict about the device only so, too. `plain`: the answer without device and source.
 *
 * A default route over a nexthop object hides those of worse metric from an IPv4 question by device: with it,
 * `ip route get fibmatch 192.0.2.1 oif eth1` answers EHOSTUNREACH although eth1 has one, and names it without. Where there
 * are `objects`, it is found by reading.
 */
export async function findDefault(
  requester: Requester,
  family: Family,
  ifindex: number,
  plain: () => Promise<Walked>,
  objects: () => Promise<boolean>,
): Promise<Found> {
  const asked = await walk(requester, family, { ifindex }, plain);
  // Somebody's policy rule may lead into a table that we filled.
  if (asked.specific || asked.route?.protocol === RTPROT_MULTIHOMED)
    return defaultBelow(requester, family, ifindex);
  if (!asked.route) {
    const why = `the kernel answers ${asked.error?.code ?? 'nothing'}`;
    return family === 'ipv4' && (await objects())
      ? { ...(await defaultBelow(requester, family, ifindex)), why }
      : { default: null, why };
  }
  const found = hopThrough(asked.route, ifindex);
  if (found) return { default: found, why: null };
  return { default: null, why: 'the default route leads through another interface' };
}

/**
 * A split default (0/1 and 128/1) on the link itself answers for every probe: the default below it is found by reading.
 * Only here, since main may hold a million routes.
 */
async function defaultBelow(requester: Requester, family: Family, ifindex: number): Promise<Found> {
  const found = bestDefault(
    await dumpRoutes(requester, { family, table: RT_TABLE_MAIN, ifindex, defaultsOnly: true }),
    ifindex,
  );
  return { default: found, why: found ? null : 'only routes more specific than a default (a split default)' };
}

/**
 * The default among these that is right for an address on a link: the one that prefers it as source, then one for its
 * network alone (RFC 8028), then by a gateway within its own prefix, then `usual`, which the kernel takes for any source,
 * then by metric. Without an address: for any source, by metric.
 */
export function bestDefault(
  routes: readonly Route[],
  ifindex: number,
  of?: Pick<Question, 'family' | 'address' | 'length'>,
  usual: DefaultRoute | null = null,
): DefaultRoute | null {
  const rank = ({ route, hop }: DefaultRoute): readonly number[] => [
    of && route.preferredSource === of.address ? 0 : 1,
    -(route.from?.prefixLength ?? 0),
    of && isNear(hop.gateway, of) ? 0 : 1,
    usual && sameWay({ route, hop }, usual) ? 0 : 1,
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

const sameWay = (one: DefaultRoute, other: DefaultRoute): boolean =>
  one.hop.gateway === other.hop.gateway && one.route.metric === other.route.metric;

const isNear = (
  gateway: string | null,
  { family, address, length }: Pick<Question, 'family' | 'address' | 'length'>,
): boolean => gateway !== null && length < hostBits(family) && inNetwork(gateway, address, length);

/**
 * Whether another default of the link could be more right for the address than the one that the kernel takes for any
 * source: then all of main's must be read. A link-local gateway and none at all are right for every address.
 */
export function mayHaveBetter({ hop, route }: DefaultRoute, question: Question): boolean {
  if (route.table !== RT_TABLE_MAIN) return false;
  if (!question.alone) return true;
  const { gateway } = hop;
  if (gateway === null || question.length >= hostBits(question.family)) return false;
  return !isNear(gateway, question) && addressRange(gateway) !== 'linkLocal';
}

/**
 * A default of main's for the address's own network alone (RFC 8028), which goes before the link's others. The kernel is
 * asked for a neighbour of the address, since our own policy rule answers for the address itself; it takes any source.
 */
export async function findSourceDefault(
  requester: Requester,
  { family, ifindex, address, prefixLength }: Question,
  plain: () => Promise<Walked>,
): Promise<DefaultRoute | null> {
  if (family !== 'ipv6') return null;
  // By DHCPv6 an address comes alone, though its network is a whole one.
  for (const source of neighboursOf(address, Math.min(prefixLength ?? SUBNET, SUBNET))) {
    const { route } = await walk(requester, family, { ifindex, source }, plain);
    // That one is an address of the host, too, and has a policy rule of ours.
    if (route?.protocol === RTPROT_MULTIHOMED) continue;
    return route?.from ? hopThrough(route, ifindex) : null;
  }
  return null;
}

/** The source that the kernel takes by itself through a link: RFC 6724 with all that the kernel adds to it. */
export async function preferredSource(
  requester: Requester,
  family: Family,
  ifindex: number,
  plain: () => Promise<Walked>,
): Promise<string | null> {
  const ask = (destination: string) => askFib(requester, { family, destination, ifindex, resolved: true });
  const [first] = PROBES[family];
  let answer = await ask(first!);
  // Refused, it may be for the probe alone.
  const bare = 'error' in answer ? (await plain()).bare : null;
  if (bare && bare.probe !== first) answer = await ask(bare.probe);
  return 'route' in answer ? answer.route.preferredSource : null;
}

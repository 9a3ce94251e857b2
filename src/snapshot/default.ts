/** The default route of an uplink as it is without us. */
import type { Requester } from '../netlink/connection.ts';
import { inNetwork, type Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import {
  dumpRoutes,
  RTN_UNICAST,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type Route,
} from '../netlink/route/route.ts';
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
  const found = firstDefault(
    await dumpRoutes(requester, { family, table: RT_TABLE_MAIN, ifindex, defaultsOnly: true }),
    ifindex,
  );
  return { default: found, why: found ? null : 'only routes more specific than a default (a split default)' };
}

/** For any source; or for this address, those that are for its network alone (RFC 8028) before the others. */
function firstDefault(routes: readonly Route[], ifindex: number, address?: string): DefaultRoute | null {
  const found = routes
    .filter((route) => route.prefixLength === 0 && (route.expires ?? 1) > 0)
    .filter((route) => route.protocol !== RTPROT_MULTIHOMED)
    .filter(({ from }) => !from || (address && inNetwork(address, from.network, from.prefixLength)))
    .sort((a, b) => (b.from?.prefixLength ?? 0) - (a.from?.prefixLength ?? 0) || a.metric - b.metric)
    .map((route) => hopThrough(route, ifindex))
    .find((each) => each !== null);
  return found ?? null;
}

/** A default that only a table behind somebody's policy rule for this source has. Such tables are small. */
export async function findPolicyDefault(
  requester: Requester,
  question: Question,
  policyRules: readonly PolicyRule[],
): Promise<DefaultRoute | null> {
  for (const table of tablesFor(question, policyRules)) {
    const routes = await dumpRoutes(requester, {
      family: question.family,
      table,
      ifindex: question.ifindex,
      defaultsOnly: true,
    });
    const found = firstDefault(routes, question.ifindex, question.address);
    if (found) return found;
  }
  return null;
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

function tablesFor(question: Question, policyRules: readonly PolicyRule[]): number[] {
  const foreign = policyRules.filter(
    (rule) =>
      rule.family === question.family &&
      rule.protocol !== RTPROT_MULTIHOMED &&
      rule.action === FR_ACT_TO_TBL &&
      !rule.narrow &&
      !rule.invert &&
      rule.destination === null &&
      rule.iif === null &&
      rule.source !== null &&
      rule.table !== RT_TABLE_MAIN &&
      rule.table !== RT_TABLE_LOCAL &&
      inNetwork(question.address, rule.source, rule.sourceLength),
  );
  return [...new Set(foreign.map((rule) => rule.table))];
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

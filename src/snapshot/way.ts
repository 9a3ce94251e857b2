/** Asks the kernel's FIB for the one route that matters, instead of reading every route there is. */
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { addressBytes, addressFamily, inNetwork, readAddress, type Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { FR_ACT_TO_TBL } from '../netlink/route/policy-rule.ts';
import {
  dumpRoutes,
  RTN_UNICAST,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  type Route,
} from '../netlink/route/route.ts';
import { PROBES } from './probe.ts';
import { RTPROT_MULTIHOMED, type DefaultRoute, type Question, type Way } from './snapshot.ts';

interface Asked {
  readonly route: Route | null;
  /** Every probe was answered by a route more specific than a default. */
  readonly specific: boolean;
  readonly error: NetlinkError | null;
}

/** One probe as a rule; the next only where a more specific route took the one before. */
async function askDefault(
  requester: Requester,
  family: Family,
  question: { source?: string; ifindex?: number },
): Promise<Asked> {
  for (const destination of PROBES[family]) {
    const answer = await askFib(requester, { family, destination, ...question });
    if ('error' in answer) return { route: null, specific: false, error: answer.error };
    if (answer.route.prefixLength === 0) return { route: answer.route, specific: false, error: null };
  }
  return { route: null, specific: true, error: null };
}

/** A usable hop of a route through one link; of several on the link the first, as they are ranked by the user. */
function hopThrough(route: Route, ifindex: number): DefaultRoute | null {
  if (route.type !== RTN_UNICAST) return null;
  const hop = route.hops.find((each) => each.ifindex === ifindex && !each.dead);
  return hop ? { route, hop } : null;
}

/**
 * The default route through a link as it is without us: asked with the device and without the source, since our own
 * policy rule answers for the source once it stands. IPv6 is strict about the device only so, too.
 */
export async function findDefault(
  requester: Requester,
  family: Family,
  ifindex: number,
): Promise<{ default: DefaultRoute | null; why: string | null }> {
  const asked = await askDefault(requester, family, { ifindex });
  if (asked.specific) return defaultBelow(requester, family, ifindex);
  if (!asked.route) {
    const why = `the kernel answers ${asked.error?.code ?? 'nothing'}`;
    return (await behindNexthop(requester, family))
      ? { ...(await defaultBelow(requester, family, ifindex)), why }
      : { default: null, why };
  }
  const found = hopThrough(asked.route, ifindex);
  if (found) return { default: found, why: null };
  return { default: null, why: 'the default route leads through another interface' };
}

/**
 * A default route over a nexthop object hides those of worse metric from an IPv4 question by device: with it,
 * `ip route get fibmatch 192.0.2.1 oif eth1` answers EHOSTUNREACH although eth1 has one, and names it without.
 */
async function behindNexthop(requester: Requester, family: Family): Promise<boolean> {
  const best = family === 'ipv4' ? await askDefault(requester, family, {}) : null;
  return typeof best?.route?.nexthop === 'number';
}

/**
 * A split default (0/1 and 128/1) on the link itself answers for every probe: the default below it is found by reading.
 * Only here, since main may hold a million routes.
 */
async function defaultBelow(
  requester: Requester,
  family: Family,
  ifindex: number,
): Promise<{ default: DefaultRoute | null; why: string | null }> {
  const found = firstDefault(
    await dumpRoutes(requester, { family, table: RT_TABLE_MAIN, ifindex, defaultsOnly: true }),
    ifindex,
  );
  return { default: found, why: found ? null : 'only routes more specific than a default (a split default)' };
}

function firstDefault(routes: readonly Route[], ifindex: number): DefaultRoute | null {
  const found = routes
    .filter((route) => route.prefixLength === 0 && (route.expires ?? 1) > 0)
    .sort((a, b) => a.metric - b.metric)
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
    const found = firstDefault(routes, question.ifindex);
    if (found) return found;
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

/** Where a packet from this address leaves now; `ifindex` for a socket bound to that device. */
export async function findWay(
  requester: Requester,
  family: Family,
  source: string,
  ifindex?: number,
): Promise<Way> {
  const asked = await askDefault(requester, family, ifindex === undefined ? { source } : { source, ifindex });
  if (asked.specific) return { kind: 'specific' };
  const { route } = asked;
  if (!route || route.type !== RTN_UNICAST) {
    const error = asked.error ?? new NetlinkError({ operation: `route get from ${source}`, errno: 113 });
    return { kind: 'none', error };
  }
  const hop = route.hops.find((each) => each.ifindex === ifindex) ?? route.hops[0];
  return {
    kind: 'leaves',
    ifindex: route.hops.map((each) => each.ifindex),
    gateway: hop?.gateway ?? null,
    table: route.table,
  };
}

/** The source that the kernel takes by itself through a link: RFC 6724 with all that the kernel adds to it. */
export async function preferredSource(
  requester: Requester,
  family: Family,
  ifindex: number,
): Promise<string | null> {
  const [destination] = PROBES[family];
  const answer = await askFib(requester, { family, destination: destination!, ifindex, resolved: true });
  return 'route' in answer ? answer.route.preferredSource : null;
}

/** Whether a neighbour in the address's own subnet is reached without a gateway: asked for one that is not itself. */
export async function isOnLink(requester: Requester, question: Question): Promise<boolean> {
  const { family, ifindex, address, prefixLength } = question;
  if (prefixLength === null) return true;
  const answer = await askFib(requester, {
    family,
    destination: neighbourOf(address, prefixLength),
    ifindex,
  });
  if (!('route' in answer)) return false;
  const { route } = answer;
  return route.prefixLength > 0 && route.hops.some((hop) => hop.ifindex === ifindex && hop.gateway === null);
}

/** Another address of the subnet: the last bit turned in the smallest one, the last but one elsewhere. */
function neighbourOf(address: string, prefixLength: number): string {
  const bytes = addressBytes(address);
  const last = bytes.length - 1;
  bytes[last] = bytes[last]! ^ (prefixLength >= bytes.length * 8 - 1 ? 1 : 2);
  return readAddress(addressFamily(address), bytes);
}

/** Routes of the model kernel: adding, replacing, deleting, and what the kernel checks (net/ipv4/fib_*, ipv6/route.c). */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../src/netlink/message.ts';
import { inTable, lookup } from './fib.ts';
import { covers, Refusal, type Maker, type ModelHop, type ModelRoute, type State } from './state.ts';

export const RTPROT_KERNEL = 2;
export const SCOPE_LINK = 253;
export const SCOPE_NOWHERE = 255;

export type RouteWords = Omit<ModelRoute, 'maker'>;

export interface RouteEvent {
  readonly kind: 'new' | 'delete';
  readonly route: ModelRoute;
}

const sameSlot = (one: RouteWords, other: RouteWords): boolean =>
  one.family === other.family &&
  one.table === other.table &&
  one.destination === other.destination &&
  one.prefixLength === other.prefixLength &&
  one.metric === other.metric;

const sameHops = (one: RouteWords, other: RouteWords): boolean =>
  one.hops.length === other.hops.length &&
  one.hops.every((hop, at) => {
    const its = other.hops[at]!;
    return hop.ifindex === its.ifindex && hop.gateway === its.gateway && hop.onlink === its.onlink;
  });

const sameRoute = (one: RouteWords, other: RouteWords): boolean =>
  sameHops(one, other) &&
  one.protocol === other.protocol &&
  one.type === other.type &&
  one.preferredSource === other.preferredSource &&
  (one.metrics ?? Buffer.alloc(0)).equals(other.metrics ?? Buffer.alloc(0));

/** @throws Refusal @returns what is told of it, and the route that went for it */
export function addRoute(
  state: State,
  words: RouteWords,
  flags: number,
  maker: Maker,
): { event: RouteEvent | null; replaced: ModelRoute | null } {
  const given = words.family === 'ipv6' && words.metric === 0 ? { ...words, metric: 1024 } : words;
  validate(state, given);
  const route: ModelRoute = { ...given, maker };
  const at = state.routes.findIndex((each) => sameSlot(each, route));
  const stands = state.routes[at];
  if (stands && flags & NLM_F_EXCL) throw new Refusal('EEXIST');
  if (stands && flags & NLM_F_REPLACE) {
    state.routes[at] = route;
    const silent = route.family === 'ipv4' && sameRoute(stands, route);
    return { event: silent ? null : { kind: 'new', route }, replaced: stands };
  }
  if (!stands && !(flags & NLM_F_CREATE)) throw new Refusal('ENOENT');
  if (stands && state.routes.some((each) => sameSlot(each, route) && sameRoute(each, route)))
    throw new Refusal('EEXIST');
  if (stands) state.routes.splice(at, 0, route);
  else state.routes.push(route);
  return { event: { kind: 'new', route }, replaced: null };
}

function validate(state: State, route: RouteWords): void {
  for (const hop of route.hops) validateHop(state, route, hop);
  const source = route.preferredSource;
  if (source !== null && !state.isLocal(source))
    throw new Refusal(
      'EINVAL',
      route.family === 'ipv4' ? 'Invalid prefsrc address' : 'Invalid source address',
    );
}

function validateHop(state: State, route: RouteWords, hop: ModelHop): void {
  const four = route.family === 'ipv4';
  const link = state.links.get(hop.ifindex);
  if (!link) throw new Refusal('ENODEV');
  // IPv6 looks at the gateway before it looks at the device.
  const nearby = hop.gateway === null || hop.onlink || hop.gateway.startsWith('fe80:');
  if (!link.up && (four || nearby))
    throw four ? downV4(hop) : new Refusal('ENETDOWN', 'Nexthop device is not up');
  if (hop.gateway === null || hop.onlink) return;
  const invalid = new Refusal(four ? 'ENETUNREACH' : 'EHOSTUNREACH', 'Nexthop has invalid gateway');
  if (!four && state.addresses.some((each) => each.address === hop.gateway && each.ifindex === hop.ifindex))
    throw new Refusal('EINVAL', 'Gateway can not be a local address');
  if (!four && hop.gateway.startsWith('fe80:')) return;
  if (four && state.isLocal(hop.gateway)) return;
  const flow = { family: route.family, destination: hop.gateway, oif: hop.ifindex };
  const near = four ? { ...flow, scope: SCOPE_LINK } : flow;
  const reached = inTable(state.routes, route.table, near) ?? lookup(state, near);
  if (!reached?.hop || reached.hop.ifindex !== hop.ifindex) throw invalid;
  if (!four && reached.hop.gateway !== null) throw invalid;
}

const downV4 = (hop: ModelHop): Refusal =>
  hop.gateway === null || hop.onlink
    ? new Refusal('ENETDOWN', 'Device for nexthop is not up')
    : new Refusal('ENETUNREACH', 'Nexthop has invalid gateway');

/** Which one a deletion means: what it leaves out is a wildcard, the first that agrees goes. */
export function findDeleted(state: State, words: RouteWords): ModelRoute {
  const [hop] = words.hops;
  const found = state.routes.find(
    (each) =>
      each.family === words.family &&
      each.table === words.table &&
      each.destination === words.destination &&
      each.prefixLength === words.prefixLength &&
      (words.metric === 0 || words.metric === each.metric) &&
      (words.protocol === 0 || words.protocol === each.protocol) &&
      (each.family === 'ipv6' || words.type === 0 || words.type === each.type) &&
      (each.family === 'ipv6' || words.scope === SCOPE_NOWHERE || words.scope === each.scope) &&
      (!hop || each.hops.some((its) => its.ifindex === hop.ifindex)) &&
      (hop?.gateway === undefined ||
        hop.gateway === null ||
        each.hops.some((its) => its.gateway === hop.gateway)),
  );
  if (!found) throw new Refusal('ESRCH');
  return found;
}

export function remove(state: State, gone: (route: ModelRoute) => boolean): ModelRoute[] {
  const removed = state.routes.filter(gone);
  if (removed.length > 0) state.routes = state.routes.filter((each) => !removed.includes(each));
  return removed;
}

/** The connected route of an address, as the kernel makes it; null where it makes none. */
export function connectedRoute(
  address: { family: 'ipv4' | 'ipv6'; address: string; prefixLength: number; ifindex: number },
  network: string,
): ModelRoute | null {
  const four = address.family === 'ipv4';
  if (four && address.prefixLength === 32) return null;
  return {
    family: address.family,
    destination: network,
    prefixLength: address.prefixLength,
    table: 254,
    protocol: RTPROT_KERNEL,
    type: 1,
    scope: four ? SCOPE_LINK : 0,
    metric: four ? 0 : 256,
    hops: [{ ifindex: address.ifindex, gateway: null, onlink: false, dead: false }],
    preferredSource: four ? address.address : null,
    metrics: null,
    maker: 'kernel',
  };
}

export const inSameSubnet = (
  one: { family: 'ipv4' | 'ipv6'; address: string; prefixLength: number },
  other: typeof one,
): boolean =>
  one.family === other.family &&
  one.prefixLength === other.prefixLength &&
  covers(one.family, one.address, one.prefixLength, other.address);

/** Routes of the model kernel: adding, replacing, deleting, and the kernel's checks (net/ipv4/fib_*, ipv6/route.c). */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../src/netlink/message.ts';
import { inTable, lookup, type Found } from './fib.ts';
import { covers, Refusal, type Maker, type ModelHop, type ModelRoute, type State } from './state.ts';

const NLM_F_APPEND = 0x800;
export const RTPROT_KERNEL = 2;
export const SCOPE_LINK = 253;
export const SCOPE_NOWHERE = 255;

export type RouteFields = Omit<ModelRoute, 'maker'>;

export interface RouteEvent {
  /** `replace`: the message has NLM_F_REPLACE, and none is about the route that was there. */
  readonly kind: 'new' | 'replace' | 'delete';
  readonly route: ModelRoute;
}

const sameSlot = (one: RouteFields, other: RouteFields): boolean =>
  one.family === other.family &&
  one.table === other.table &&
  one.destination === other.destination &&
  one.prefixLength === other.prefixLength &&
  one.metric === other.metric;

const sameHops = (one: RouteFields, other: RouteFields): boolean =>
  one.hops.length === other.hops.length &&
  one.hops.every((hop, at) => {
    const its = other.hops[at]!;
    return hop.ifindex === its.ifindex && hop.gateway === its.gateway && hop.onlink === its.onlink;
  });

const sameRoute = (one: RouteFields, other: RouteFields): boolean =>
  sameHops(one, other) &&
  one.protocol === other.protocol &&
  one.type === other.type &&
  one.nexthop === other.nexthop &&
  one.preferredSource === other.preferredSource &&
  (one.metrics ?? Buffer.alloc(0)).equals(other.metrics ?? Buffer.alloc(0));

/** @throws Refusal @returns the notification, and the route that was replaced */
export function addRoute(
  state: State,
  words: RouteFields,
  flags: number,
  maker: Maker,
): { event: RouteEvent | null; replaced: ModelRoute | null } {
  const given = words.family === 'ipv6' && words.metric === 0 ? { ...words, metric: 1024 } : words;
  if (given.nexthop === undefined) validate(state, given);
  const route: ModelRoute = { ...given, maker };
  const at = state.routes.findIndex((each) => sameSlot(each, route));
  const existing = state.routes[at];
  if (existing && flags & NLM_F_EXCL) throw new Refusal('EEXIST');
  if (existing && flags & NLM_F_REPLACE) {
    state.routes[at] = route;
    const silent = route.family === 'ipv4' && sameRoute(existing, route);
    return { event: silent ? null : { kind: 'replace', route }, replaced: existing };
  }
  if (!existing && !(flags & NLM_F_CREATE)) throw new Refusal('ENOENT');
  if (existing && state.routes.some((each) => sameSlot(each, route) && sameRoute(each, route)))
    throw new Refusal('EEXIST');
  const last = state.routes.findLastIndex((each) => sameSlot(each, route));
  if (existing) state.routes.splice(flags & NLM_F_APPEND ? last + 1 : at, 0, route);
  else state.routes.push(route);
  return { event: { kind: 'new', route }, replaced: null };
}

function validate(state: State, route: RouteFields): void {
  for (const hop of route.hops) validateHop(state, route, hop);
  const source = route.preferredSource;
  if (source !== null && !state.isLocal(source))
    throw new Refusal(
      'EINVAL',
      route.family === 'ipv4' ? 'Invalid prefsrc address' : 'Invalid source address',
    );
}

/** @throws Refusal when the kernel does not reach the gateway */
export function validateHop(
  state: State,
  route: Pick<RouteFields, 'family' | 'table'>,
  hop: Omit<ModelHop, 'dead'>,
): void {
  const four = route.family === 'ipv4';
  const link = state.links.get(hop.ifindex);
  if (!link) throw new Refusal('ENODEV');
  // IPv6 checks the gateway before the device.
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
  const near = four ? { ...flow, scope: SCOPE_LINK } : { ...flow, unsuppressed: true };
  const fits = (found: Found | null): boolean =>
    found?.hop?.ifindex === hop.ifindex && (four || found.hop.gateway === null);
  const inside = inTable(state, route.table, near);
  // IPv4 decides by the table itself; IPv6 continues with the other tables when it finds no match there.
  if (!fits(inside) && ((four && inside) || !fits(lookup(state, near)))) throw invalid;
}

const downV4 = (hop: Omit<ModelHop, 'dead'>): Refusal =>
  hop.gateway === null || hop.onlink
    ? new Refusal('ENETDOWN', 'Device for nexthop is not up')
    : new Refusal('ENETUNREACH', 'Nexthop has invalid gateway');

/** Returns the deleted routes. IPv6 deletes the named hops one by one, and only these hops of a multipath route. */
export function deleteRoute(state: State, words: RouteFields): ModelRoute[] {
  if (words.family === 'ipv4' || words.hops.length < 2) return [deleteOne(state, words)];
  let refusal: Refusal | null = null;
  const gone = words.hops.flatMap((hop) => {
    try {
      return [deleteOne(state, { ...words, hops: [hop] })];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refusal = error;
      return [];
    }
  });
  if (refusal) throw refusal as Refusal;
  return gone;
}

function deleteOne(state: State, words: RouteFields): ModelRoute {
  const gone = findDeleted(state, words);
  const [named] = words.hops;
  const deletedHop =
    gone.family === 'ipv6' && gone.hops.length > 1 && named && named.gateway !== null
      ? gone.hops.find((hop) => hop.ifindex === named.ifindex && hop.gateway === named.gateway)
      : undefined;
  state.routes = state.routes.flatMap((each) =>
    each !== gone
      ? [each]
      : deletedHop
        ? [{ ...gone, hops: gone.hops.filter((hop) => hop !== deletedHop) }]
        : [],
  );
  return deletedHop ? { ...gone, hops: [deletedHop] } : gone;
}

/**
 * Returns the route to delete: absent attributes are wildcards, and the first match of the lowest metric is deleted.
 */
function findDeleted(state: State, words: RouteFields): ModelRoute {
  const agreeing = state.routes.filter(
    (each) =>
      each.family === words.family &&
      each.table === words.table &&
      each.destination === words.destination &&
      each.prefixLength === words.prefixLength &&
      (words.metric === 0 || words.metric === each.metric) &&
      (words.protocol === 0 || words.protocol === each.protocol) &&
      (each.family === 'ipv6' || words.type === 0 || words.type === each.type) &&
      (each.family === 'ipv6' || words.scope === SCOPE_NOWHERE || words.scope === each.scope) &&
      namesHops(words, each),
  );
  if (agreeing.length === 0) throw new Refusal('ESRCH');
  return agreeing.reduce((best, each) => (each.metric < best.metric ? each : best));
}

/**
 * IPv4 compares all named hops, and a single one only with the first (`ip route del default via B dev b` of two:
 * ESRCH). When a route has a nexthop object, IPv4 refuses named hops and IPv6 ignores them.
 */
function namesHops(words: RouteFields, each: ModelRoute): boolean {
  if (words.nexthop !== undefined) return words.nexthop === each.nexthop;
  if (words.hops.length === 0) return true;
  if (each.nexthop !== undefined) return each.family === 'ipv6';
  if (words.hops.length > 1 && words.hops.length !== each.hops.length) return false;
  return words.hops.every((hop, at) => {
    const its = words.hops.length > 1 || each.family === 'ipv4' ? each.hops.slice(at, at + 1) : each.hops;
    return its.some(
      (one) => one.ifindex === hop.ifindex && (hop.gateway === null || one.gateway === hop.gateway),
    );
  });
}

export function remove(state: State, gone: (route: ModelRoute) => boolean): ModelRoute[] {
  const removed = state.routes.filter(gone);
  if (removed.length > 0) state.routes = state.routes.filter((each) => !removed.includes(each));
  return removed;
}

/** Returns the connected route of an address as the kernel adds it; null when it adds none. */
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

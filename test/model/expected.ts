/** The expected state, derived as simply as possible from the specification and without any code of src/plan. */
import type { Family } from '../../src/netlink/ip.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { bestOf, decide, matches, ownTable, PROBES, selects, withoutMultihomed } from './decision.ts';
import { lookup, type Flow, type Found } from './fib.ts';
import { holderOf } from './holder.ts';
import type { Host } from './host.ts';
import type { RouteFields } from './routes.ts';
import { guardOf, takesAll, withoutTunnel } from './tunnel.ts';
import { addRule } from './rules.ts';
import { rulesOf } from './expected-rules.ts';
import {
  bitsOf,
  covers,
  networkOf,
  nowhere,
  Refusal,
  type ModelAddress,
  type ModelEndpoint,
  type ModelHop,
  type ModelLink,
  type ModelRoute,
  type State,
} from './state.ts';

export const IMPLICIT = 16;
const TEMPORARY = 1;
type Endpoint = Pick<ModelEndpoint, 'address' | 'ifindex'>;

export interface Wanted {
  readonly link: ModelLink;
  readonly rule: Rule;
  readonly rank: number;
  readonly address: ModelAddress;
  readonly table: number | null;
  /** null under `check-route: false` when there is no default route. */
  readonly path: Found | null;
  /**
   * An administrator's policy rule already sends packets from it through the link, so multihomed adds no rule or route.
   */
  readonly ruled: boolean;
  /** Whether its default route can be added to its own table. If not, its presence depends on the order of events. */
  readonly routable: boolean;
}

/** Returns uplinks with a complete path by rank, one per address. Endpoints in `adding` are treated as existing. */
export function wantedUplinks(host: Host, adding: readonly Endpoint[] = []): Wanted[] {
  const endpoints = [...host.kernel.state.endpoints.filter((each) => each.maker === 'daemon'), ...adding];
  const state = withoutMultihomed(host.kernel.state);
  const tunnelled = takesAll(state);
  // Where the rule bypasses a tunnel, the host without the tunnel decides.
  const bare = tunnelled ? withoutTunnel(state) : state;
  const found: Wanted[] = [];
  for (const link of state.links.values()) {
    const rank = host.configuration.rules.findIndex((each) => matches(each.glob, link.name));
    const rule = host.configuration.rules[rank];
    if (!rule || rule.ignore || !link.up || !link.carrier) continue;
    for (const family of rule.families.filter(
      (each) => each === 'ipv6' || !tunnelled || rule.tunnel === 'bypass',
    ))
      for (const { address, path, ruled } of candidatesOn(host, bare, endpoints, link, rule, family)) {
        const own = rule.routing === 'main' ? null : (rule.table ?? ownTable(host.kernel.state, address));
        const table = ruled ? path!.route.table : own;
        const reached = ruled || routable(state, address, path);
        found.push({ link, rule, rank, address, table, path, ruled, routable: reached });
      }
  }
  const metric = (each: Wanted): number => each.path?.route.metric ?? Infinity;
  const order = (a: number, b: number): number => (a === b ? 0 : a - b);
  found.sort((a, b) => a.rank - b.rank || order(metric(a), metric(b)) || a.link.index - b.link.index);
  // An implicit endpoint does not block an address, because the kernel replaces it.
  const foreign = state.endpoints.filter((each) => each.maker !== 'daemon' && !(each.flags & IMPLICIT));
  const free = found.filter((each) => !foreign.some((endpoint) => endpoint.address === each.address.address));
  const uplinks = free.map((each) => ({ address: each.address, metric: metric(each) }));
  return free.filter(({ address: { address, family, ifindex } }) => {
    const isSelected = (link: ModelLink): boolean => selects(host.configuration, link, family);
    return holderOf(host.kernel.state, address, uplinks, isSelected, endpoints) === ifindex;
  });
}

/** Returns the host with the routes and policy rules of these uplinks, and nothing else of multihomed. */
export function ideal(state: State, wanted: readonly Wanted[]): State {
  const copy = withoutMultihomed(state);
  for (const each of wanted) {
    for (const route of [...routesOf(each), ...guardOf(each, state).routes])
      if (!occupant(copy, route)) copy.routes.push(route);
    for (const rule of [...rulesOf(each, state), ...guardOf(each, state).rules])
      addRule(copy, rule, 0, 'daemon');
  }
  return copy;
}

/** Returns the route that already has this destination and metric in this table. */
const occupant = (state: State, route: RouteFields): ModelRoute | undefined =>
  state.routes.find(
    (each) =>
      each.family === route.family &&
      each.table === route.table &&
      each.destination === route.destination &&
      each.prefixLength === route.prefixLength &&
      each.metric === route.metric,
  );

/** True when another program's route in multihomed's table occupies the place of an uplink's route. */
export const isBlocked = (state: State, wanted: Wanted): boolean =>
  routesOf(wanted).some((route) => occupant(withoutMultihomed(state), route));

/** Returns the addresses that the rule uses on the link, each with its path. */
function candidatesOn(
  host: Host,
  state: State,
  endpoints: readonly Endpoint[],
  link: ModelLink,
  rule: Rule,
  family: Family,
): Candidate[] {
  const usable = state.addresses.filter(
    (each) =>
      each.ifindex === link.index &&
      each.family === family &&
      !(each.flags & 0x60) &&
      !each.address.startsWith('fe80:') &&
      (!each.address.startsWith('fd') || rule.addresses === 'all') &&
      (family === 'ipv4' ||
        (rule.addresses !== 'stable' && rule.addresses !== 'temporary') ||
        (each.flags & TEMPORARY) === (rule.addresses === 'temporary' ? TEMPORARY : 0)),
  );
  const main = defaultThrough(state, { family, destination: '', oif: link.index });
  const pairs = usable.map((each): Candidate => {
    const decided = decide(state, each);
    if (!decided?.rule.source) return { address: each, path: bestOf(state, each, main), ruled: false };
    const hop = decided.found?.route.hops.find(({ ifindex, dead }) => ifindex === link.index && !dead);
    if (hop) return { address: each, path: { route: decided.found!.route, hop }, ruled: true };
    return { address: each, path: bestOf(state, each, main), ruled: false, elsewhere: true };
  });
  // With several hops, the kernel may name the address of another link.
  const asked = main && family === 'ipv6' && main.route.hops[0]!.ifindex === link.index;
  const own = asked ? host.kernel.ownSource(link.index, family) : null;
  const chosen =
    family === 'ipv6' && rule.addresses === 'auto' && rule.perInterface === 1 && own !== null
      ? pairs.filter(({ address }) => address.address === own)
      : pairs.sort(
          (a, b) =>
            preference(endpoints, a.address, a.path, own) - preference(endpoints, b.address, b.path, own),
        );
  return chosen
    .slice(0, rule.perInterface)
    .filter(({ path, elsewhere }) => !elsewhere && (path !== null || !rule.checkRoute));
}

interface Candidate {
  readonly address: ModelAddress;
  readonly path: Found | null;
  readonly ruled: boolean;
  /** A policy rule for it leads through another link, or refuses its packets. */
  readonly elsewhere?: true;
}

/**
 * Returns a rank: the default route's source, then an address with an endpoint, the kernel's choice, primary addresses.
 */
function preference(
  endpoints: readonly Endpoint[],
  address: ModelAddress,
  path: Found | null,
  own: string | null,
): number {
  if (path?.route.preferredSource === address.address) return 0;
  const hasEndpoint = endpoints.some(
    (each) => each.address === address.address && each.ifindex === address.ifindex,
  );
  if (hasEndpoint && address.address !== own) return 1;
  if (address.address === own) return hasEndpoint ? 0 : 2;
  return address.family === 'ipv4' && address.flags & 1 ? 4 : 3;
}

/** Returns the default route through a link that the kernel takes for a packet without a source. */
function defaultThrough(state: State, flow: Flow): Found | null {
  const routes = state.routes.filter((each) => each.prefixLength === 0);
  const asked = { ...flow, destination: PROBES[flow.family][0]!, unhidden: true };
  const found = ask({ policyRules: state.policyRules, now: state.now, routes }, asked);
  return found?.hop && found.hop.ifindex === flow.oif ? found : null;
}

function ask(state: Pick<State, 'routes' | 'policyRules' | 'now'>, flow: Flow): Found | null {
  try {
    return lookup(state, flow);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** Whether the address's subnet or main reaches the gateway; always true for link-local and onlink gateways. */
function routable(state: State, address: ModelAddress, path: Found | null): boolean {
  const hop = path?.hop;
  if (!hop || hop.gateway === null || hop.onlink || hop.gateway.startsWith('fe80:')) return true;
  if (covers(address.family, address.address, address.prefixLength, hop.gateway)) return true;
  const scope = address.family === 'ipv4' ? { scope: 253 } : {};
  const near = ask(state, { family: address.family, destination: hop.gateway, oif: hop.ifindex, ...scope });
  return near?.hop?.ifindex === hop.ifindex && near.hop.gateway === null;
}

/** Whether packets from the address leave through its link, both bound to the link and not. */
export function leavesByItsLink(state: State, wanted: Wanted): boolean {
  const { address, link, table, path } = wanted;
  if (table === null || !path) return true;
  return [undefined, link.index].every((oif) => {
    for (const destination of PROBES[address.family]) {
      const found = ask(state, { family: address.family, destination, source: address.address, oif });
      if (!found) return false;
      if (found.route.prefixLength > 0) continue;
      if (!found.route.hops.some((hop) => hop.ifindex === link.index)) return false;
      return found.route.table === table || found.hop?.gateway === path.hop?.gateway;
    }
    return true;
  });
}

/** Returns the routes that an uplink needs. */
export function routesOf({ address, table, path, link, ruled }: Wanted): ModelRoute[] {
  if (table === null || ruled) return [];
  const { family, prefixLength } = address;
  const four = family === 'ipv4';
  const route = (words: Pick<ModelRoute, 'destination' | 'prefixLength'>, hop: ModelHop): ModelRoute => ({
    ...{ family, ...words, table, protocol: 86, type: 1, metric: four ? 0 : 1024, maker: 'daemon' },
    scope: four && hop.gateway === null ? 253 : 0,
    ...{ hops: [hop], preferredSource: null, metrics: null },
  });
  const plain = { ifindex: link.index, gateway: null, onlink: false, dead: false };
  const destination = networkOf(family, address.address, prefixLength);
  return [
    ...(prefixLength < bitsOf(family) ? [route({ destination, prefixLength }, plain)] : []),
    ...(path?.hop
      ? [route({ destination: nowhere(family), prefixLength: 0 }, { ...path.hop, dead: false })]
      : []),
  ];
}

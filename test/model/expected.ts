/** What should stand, said as simply as possible: straight from the specification, without a line of src/plan. */
import type { Family } from '../../src/netlink/ip.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { inTable, lookup, type Flow, type Found } from './fib.ts';
import type { Host } from './host.ts';
import {
  covers,
  networkOf,
  Refusal,
  type ModelAddress,
  type ModelLink,
  type ModelRoute,
  type State,
} from './state.ts';

const PROBES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.77', '240.0.0.7'],
  ipv6: ['2001:db8::77', 'a000::77'],
};

export interface Wanted {
  readonly link: ModelLink;
  readonly rule: Rule;
  readonly rank: number;
  readonly address: ModelAddress;
  readonly table: number | null;
  /** null under `check-route: false` where there is none. */
  readonly path: Found | null;
  /** Whether its default can be put into its own table; otherwise whether it stands depends on what came first. */
  readonly routable: boolean;
}

const matches = (glob: string, name: string): boolean =>
  glob.endsWith('*') ? name.startsWith(glob.slice(0, -1)) : glob === name;

/** Everything that has a whole path, the better-ranked first; one for each address. */
export function wantedUplinks(host: Host): Wanted[] {
  const state = withoutOurs(host.kernel.state);
  const found: Wanted[] = [];
  for (const link of state.links.values()) {
    const rank = host.configuration.rules.findIndex((each) => matches(each.glob, link.name));
    const rule = host.configuration.rules[rank];
    if (!rule || rule.ignore || !link.up || !link.carrier) continue;
    for (const family of rule.families)
      for (const [address, path] of serving(host, state, link, rule, family)) {
        const table = rule.routing === 'main' ? null : 86_840_000 + link.index;
        found.push({ link, rule, rank, address, table, path, routable: routable(state, address, path) });
      }
  }
  const metric = (each: Wanted): number => each.path?.route.metric ?? Infinity;
  const order = (a: number, b: number): number => (a === b ? 0 : a - b);
  found.sort((a, b) => a.rank - b.rank || order(metric(a), metric(b)) || a.link.index - b.link.index);
  const foreign = state.endpoints.filter((each) => each.maker !== 'daemon');
  return found.filter(
    (each, at) =>
      found.findIndex((other) => other.address.address === each.address.address) === at &&
      !foreign.some((endpoint) => endpoint.address === each.address.address),
  );
}

/** The host as it would be had the program never run. */
function withoutOurs(state: State): State {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(state) as object) as State, state);
  copy.routes = state.routes.filter((each) => each.maker !== 'daemon');
  copy.policyRules = state.policyRules.filter((each) => each.maker !== 'daemon');
  return copy;
}

function serving(
  host: Host,
  state: State,
  link: ModelLink,
  rule: Rule,
  family: Family,
): [ModelAddress, Found | null][] {
  const usable = state.addresses.filter(
    (each) =>
      each.ifindex === link.index &&
      each.family === family &&
      !(each.flags & 0x60) &&
      !each.address.startsWith('fe80:') &&
      (!each.address.startsWith('fd') || rule.addresses === 'all'),
  );
  const main = defaultThrough(state, { family, destination: '', oif: link.index });
  const pairs = usable.map((each): [ModelAddress, Found | null] => [
    each,
    main ?? behindPolicyRule(state, each),
  ]);
  const own = main && family === 'ipv6' ? host.kernel.ownSource(link.index, family) : null;
  const chosen =
    family === 'ipv6' && rule.addresses === 'auto' && rule.perInterface === 1 && own !== null
      ? pairs.filter(([each]) => each.address === own)
      : pairs.sort(([a], [b]) => preference(a, own) - preference(b, own));
  return chosen.slice(0, rule.perInterface).filter(([, path]) => path !== null || !rule.checkRoute);
}

const preference = (address: ModelAddress, own: string | null): number =>
  address.address === own ? 0 : address.family === 'ipv4' && address.flags & 1 ? 2 : 1;

/** The default that the kernel takes through a link for a packet from nobody in particular, whatever else there is. */
function defaultThrough(state: State, flow: Flow): Found | null {
  const routes = state.routes.filter((each) => each.prefixLength === 0);
  const found = ask({ ...state, routes }, { ...flow, destination: PROBES[flow.family][0]! });
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

/** A default in a table that somebody's policy rule keeps for this source. */
function behindPolicyRule(state: State, address: ModelAddress): Found | null {
  for (const rule of state.policyRules) {
    if (rule.family !== address.family || rule.source === null || rule.action !== 1 || rule.table >= 253)
      continue;
    if (!covers(rule.family, rule.source, rule.sourceLength, address.address)) continue;
    const found = inTable(
      { now: state.now, routes: state.routes.filter((each) => each.prefixLength === 0) },
      rule.table,
      { family: address.family, destination: PROBES[address.family][0]!, oif: address.ifindex },
    );
    if (found?.hop) return found;
  }
  return null;
}

/** The gateway is in the address's own subnet, or main reaches it; link-local ones and on-link ones always. */
function routable(state: State, address: ModelAddress, path: Found | null): boolean {
  const hop = path?.hop;
  if (!hop || hop.gateway === null || hop.onlink || hop.gateway.startsWith('fe80:')) return true;
  if (covers(address.family, address.address, address.prefixLength, hop.gateway)) return true;
  const scope = address.family === 'ipv4' ? { scope: 253 } : {};
  const near = ask(state, { family: address.family, destination: hop.gateway, oif: hop.ifindex, ...scope });
  return near?.hop?.ifindex === hop.ifindex && near.hop.gateway === null;
}

/** Whether packets from the address leave by its link, bound to it and unbound. */
export function goesItsWay(state: State, wanted: Wanted): boolean {
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

/** The routes and policy rules that an uplink needs, as sentences. */
export function wayOf(wanted: Wanted, state: State): string[] {
  const { address, table, path, link } = wanted;
  if (table === null) return [];
  const { family, prefixLength } = address;
  const bits = family === 'ipv4' ? 32 : 128;
  const twin = state.addresses.some(
    (other) =>
      other.family === family &&
      other.ifindex !== address.ifindex &&
      other.prefixLength < bits &&
      (covers(family, other.address, other.prefixLength, address.address) ||
        covers(family, address.address, prefixLength, other.address)),
  );
  const lines = [
    ...(prefixLength < bits
      ? [
          `${networkOf(family, address.address, prefixLength)}/${prefixLength} dev ${link.index} table ${table}`,
        ]
      : []),
    ...(path ? [`${family} default via ${path.hop!.gateway} dev ${link.index} table ${table}`] : []),
    ...(twin ? [`rule 8680 ${address.address} ${table} 0`] : []),
    `rule 8682 ${address.address} 254 0`,
    `rule 8684 ${address.address} ${table} null`,
  ];
  return lines;
}

/** What of ours stands, in the same sentences. */
export function ourWays(state: State): string[] {
  const route = (each: ModelRoute): string =>
    each.prefixLength === 0
      ? `${each.family} default via ${each.hops[0]!.gateway} dev ${each.hops[0]!.ifindex} table ${each.table}`
      : `${each.destination}/${each.prefixLength} dev ${each.hops[0]!.ifindex} table ${each.table}`;
  return [
    ...state.routes.filter((each) => each.maker === 'daemon').map(route),
    ...state.policyRules
      .filter((each) => each.maker === 'daemon')
      .map((each) => `rule ${each.priority} ${each.source} ${each.table} ${each.suppress}`),
  ];
}

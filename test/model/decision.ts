/** What the model host's own rules and routes decide for an address, derived from the specification. */
import type { Family } from '../../src/netlink/ip.ts';
import type { Configuration } from '../../src/rules/rule.ts';
import { inTable, selects as fits, type Found } from './fib.ts';
import {
  covers,
  type ModelAddress,
  type ModelHop,
  type ModelLink,
  type ModelRoute,
  type State,
} from './state.ts';

export const PROBES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.77', '240.0.0.7'],
  ipv6: ['2001:db8::77', 'a000::77'],
};

export const matches = (glob: string, name: string): boolean =>
  glob.endsWith('*') ? name.startsWith(glob.slice(0, -1)) : glob === name;

/** Whether a rule of the user selects the link for a family, without `ignore`. */
export function selects({ rules }: Configuration, { name }: ModelLink, family: Family): boolean {
  const rule = rules.find(({ glob }) => matches(glob, name));
  return rule !== undefined && !rule.ignore && rule.families.includes(family);
}

/** Returns the rule that decides for packets from an address to any destination, and its route (null if it refuses). */
export function decide(
  state: State,
  { family, address: source }: ModelAddress,
): { rule: State['policyRules'][number]; found: Found | null } | null {
  for (const destination of PROBES[family])
    for (const rule of state.policyRules) {
      if (rule.family !== family) continue;
      if (!fits(rule, { family, destination, source })) continue;
      if (rule.action !== 1) return { rule, found: null };
      const found = inTable(state, rule.table, { family, destination, source });
      if (!found || (rule.suppress !== null && found.route.prefixLength <= rule.suppress)) continue;
      if (found.route.prefixLength > 0) break;
      return { rule, found: found.route.type === 1 ? found : null };
    }
  return null;
}

/** Returns the best of a link's default routes in main for the address. `main` is the one that the kernel uses. */
export function bestOf(state: State, address: ModelAddress, main: Found | null): Found | null {
  if (!main?.hop || main.route.table !== 254) return main;
  const { family, ifindex, prefixLength } = address;
  const near = ({ gateway }: ModelHop): boolean =>
    gateway !== null && covers(family, address.address, prefixLength, gateway);
  const others = state.addresses.filter(
    (each) => each.ifindex === ifindex && each.family === family && !each.address.startsWith('fe80:'),
  );
  const { gateway } = main.hop;
  if (others.length === 1 && (gateway === null || gateway.startsWith('fe80:') || near(main.hop))) return main;
  const points = ({ route, hop }: { route: ModelRoute; hop: ModelHop }): number =>
    (route.preferredSource === address.address ? 0 : 4) +
    (near(hop) ? 0 : 2) +
    (hop.gateway === gateway && route.metric === main.route.metric ? 0 : 1);
  const [best] = state.routes
    .filter((each) => each.table === 254 && each.family === family && each.prefixLength === 0)
    .filter((each) => each.type === 1 && (each.expires ?? Infinity) > state.now)
    .flatMap((route) =>
      route.hops.filter((hop) => hop.ifindex === ifindex && !hop.dead).map((hop) => ({ route, hop })),
    )
    .sort((a, b) => points(a) - points(b) || a.route.metric - b.route.metric);
  return best ?? main;
}

/** Returns the address's own table. A link with further gateways has further tables; the current one is kept. */
export function ownTable(state: State, { address, ifindex }: ModelAddress): number {
  const led = state.policyRules.find(
    (each) => each.maker === 'daemon' && each.priority === 8684 && each.source === address,
  );
  const first = 86_840_000 + ifindex;
  return led && led.table > first && (led.table - first) % 100_000_000 === 0 ? led.table : first;
}

/**
 * Returns the rules after those of multihomed and before the deciding one: those for some destinations, and those that
 * lead all packets into a table.
 */
export function laterRules(
  state: State,
  address: ModelAddress,
): Record<'passed' | 'plain', readonly State['policyRules'][number][]> {
  const foreign = state.policyRules.filter(
    ({ maker, family }) => maker !== 'daemon' && family === address.family,
  );
  // multihomed does not read main for a rule that suppresses its default.
  const read = foreign.filter(({ table, suppress }) => table !== 254 || suppress === null);
  const alone = { ...state, policyRules: read, routes: foreignRoutes(state) } as State;
  // A split default decides only some packets, so those for main may follow.
  const main = read.find(({ table, source }) => table === 254 && source === null);
  const deciding = decide(alone, address)?.rule ?? main;
  const behind = foreign
    .slice(0, deciding ? foreign.indexOf(deciding) : foreign.length)
    .filter(({ priority }) => priority > 8680)
    .filter(
      ({ source, sourceLength }) =>
        source === null || covers(address.family, source, sourceLength, address.address),
    );
  const plain = behind.filter((each) => each.destination === null && each.table < 253 && each.action === 1);
  return {
    passed: behind.filter(({ destination }) => destination !== null),
    plain,
  };
}

const foreignRoutes = ({ routes }: State): ModelRoute[] => routes.filter(({ maker }) => maker !== 'daemon');

/** Returns the host as it would be if multihomed had never run. */
export function withoutMultihomed(state: State): State {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(state) as object) as State, state);
  copy.routes = foreignRoutes(state);
  copy.policyRules = state.policyRules.filter(({ maker }) => maker !== 'daemon');
  return copy;
}

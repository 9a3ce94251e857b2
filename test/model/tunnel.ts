/** A VPN of the model host: a tun device that no rule selects, and the forms in which it takes traffic. */
import type { Rule } from '../../src/rules/rule.ts';
import { bitsOf, Refusal, type ModelAddress, type ModelLink, type ModelRoute, type State } from './state.ts';
import { lookup, type Found } from './fib.ts';
import { addAddress, createLink, setUp } from './links.ts';
import type { ModelKernel } from './kernel.ts';
import { addRoute } from './routes.ts';
import { removeRoutes } from './defaults.ts';
import { addRule, type RuleFields } from './rules.ts';
import type { Op } from './steps.ts';

export const TUNNEL = 900;
const TABLE = 78;

/**
 * The address to which the tunnel's own packets go outside of the tunnel, and an address in a network that it carries.
 */
export const SERVER = '198.51.100.99';
export const INSIDE = '10.240.0.9';

/** Public addresses, which a full tunnel takes. */
const PUBLIC = ['192.31.196.9', '203.0.113.9'];

export function changeTunnel(kernel: ModelKernel, { form, verb }: Op & { op: 'tunnel' }): void {
  const { state } = kernel;
  if (verb === 'delete') {
    for (const rule of state.policyRules.filter(({ table, maker }) => table === TABLE && maker === 'other')) {
      state.policyRules = state.policyRules.filter((each) => each !== rule);
      kernel.rule('delete', rule);
    }
    return removeRoutes(
      kernel,
      ({ hops, maker, destination }) =>
        maker === 'other' && (destination === SERVER || hops.some(({ ifindex }) => ifindex === TUNNEL)),
    );
  }
  if (!state.links.has(TUNNEL)) {
    const link = { index: TUNNEL, name: 'tun9', up: false, carrier: true, pointToPoint: true, kind: 'tun' };
    createLink(state, kernel, link);
    setUp(state, kernel, link, true);
    addAddress(state, kernel, {
      ...{ ifindex: TUNNEL, family: 'ipv4', address: '10.250.1.1', prefixLength: 24, flags: 0x80 },
    });
  }
  const add = (destination: string, prefixLength: number, table: number, metric: number): void => {
    const { event } = addRoute(
      state,
      {
        ...{ family: 'ipv4', destination, prefixLength, table, metric, protocol: 3, scope: 253, type: 1 },
        hops: [{ ifindex: TUNNEL, gateway: null, onlink: false, dead: false }],
        ...{ preferredSource: null, metrics: null },
      },
      0x600,
      'other',
    );
    if (event) kernel.route(event.kind, event.route);
  };
  switch (form) {
    case 'rule':
    case 'early rule': {
      add('0.0.0.0', 0, TABLE, 0);
      const priority = form === 'rule' ? 32_000 : 5000;
      const words = { family: 'ipv4' as const, protocol: 3, action: 1, table: TABLE, priority };
      kernel.rule('new', addRule(state, words, 0x200, 'other'));
      return;
    }
    case 'main':
      toServer(kernel);
      return add('0.0.0.0', 0, 254, 1);
    case 'split':
      toServer(kernel);
      for (const half of ['0.0.0.0', '128.0.0.0']) add(half, 1, 254, 0);
      return;
    case 'networks':
      return add('10.240.0.0', 16, 254, 0);
  }
}

/** Adds a route that keeps the path of the tunnel's own packets, as OpenVPN does before it takes the default route. */
function toServer(kernel: ModelKernel): void {
  const found = ask(kernel.state, SERVER);
  if (!found?.hop || found.route.table !== 254 || found.route.prefixLength > 0) return;
  const words = { family: 'ipv4' as const, destination: SERVER, prefixLength: 32, table: 254, metric: 0 };
  const rest = { protocol: 3, scope: found.hop.gateway === null ? 253 : 0, type: 1, metrics: null };
  const route = { ...words, ...rest, hops: [found.hop], preferredSource: null };
  const { event } = addRoute(kernel.state, route, 0x600, 'other');
  if (event) kernel.route(event.kind, event.route);
}

/** Whether packets without a source leave through it, to any destination. */
export function takesAll(state: State): boolean {
  if (!state.links.has(TUNNEL)) return false;
  return PUBLIC.every((destination) => ask(state, destination)?.hop?.ifindex === TUNNEL);
}

function ask(state: State, destination: string): Found | null {
  try {
    return lookup(state, { family: 'ipv4', destination });
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** Returns the host as it would be without the tunnel. */
export function withoutTunnel(state: State): State {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(state) as object) as State, state);
  copy.routes = state.routes.filter(({ hops }) => !hops.some(({ ifindex }) => ifindex === TUNNEL));
  copy.policyRules = state.policyRules.filter(({ table }) => table !== TABLE);
  return copy;
}

/**
 * Returns how the tunnel takes all traffic: by which policy rule (null: by main), and whether by halves of a default.
 */
export function tunnelForm(state: State): { rule: State['policyRules'][number] | null; split: boolean } {
  const route = ask(state, PUBLIC[0]!)?.route;
  const rule = state.policyRules.find(({ table, maker }) => table === TABLE && maker === 'other');
  return route?.table === TABLE
    ? { rule: rule ?? null, split: false }
    : { rule: null, split: route?.prefixLength === 1 };
}

/** Networks that lead into the tunnel in main, or in a table of a rule for all packets. */
function networksInside({ routes, policyRules }: State): ModelRoute[] {
  const tables = new Set([
    254,
    ...policyRules.filter(({ source, action }) => source === null && action === 1).map(({ table }) => table),
  ]);
  return routes.filter(
    ({ hops, prefixLength, table, maker, type }) =>
      maker !== 'daemon' &&
      type === 1 &&
      prefixLength > 0 &&
      tables.has(table) &&
      hops.some(({ ifindex }) => ifindex === TUNNEL),
  );
}

interface Guarded {
  readonly address: ModelAddress;
  readonly table: number | null;
  readonly link: ModelLink;
  readonly ruled: boolean;
  readonly rule: Pick<Rule, 'tunnel'>;
}

/** Returns the rules and routes that refuse TCP to networks that a tunnel carries. */
export function guardOf(
  { address, table, link, ruled, rule: { tunnel } }: Guarded,
  state: State,
): { routes: ModelRoute[]; rules: RuleFields[] } {
  const inside = networksInside(state);
  const { family } = address;
  if (tunnel === 'bypass' || table === null || ruled || family === 'ipv6' || inside.length === 0)
    return { routes: [], rules: [] };
  const guard = 4_186_840_000 + link.index;
  const routes = inside.map(({ destination, prefixLength }): ModelRoute => ({
    ...{ family, destination, prefixLength, table: guard, protocol: 86, type: 3, scope: 253, metric: 0 },
    hops: [{ ifindex: link.index, gateway: null, onlink: false, dead: false }],
    ...{ preferredSource: null, metrics: null, maker: 'daemon' },
  }));
  const rule = { family, source: address.address, sourceLength: bitsOf(family), action: 1, protocol: 86 };
  return { routes, rules: [{ ...rule, priority: 8683, table: guard, ipproto: 6 }] };
}

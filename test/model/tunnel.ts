/** A VPN of the model host: a tun device that no rule selects, and the forms in which it takes traffic. */
import { bitsOf, Refusal, type ModelAddress, type ModelLink, type ModelRoute, type State } from './state.ts';
import { lookup } from './fib.ts';
import { addAddress, createLink, setUp } from './links.ts';
import type { ModelKernel } from './kernel.ts';
import { addRoute } from './routes.ts';
import { removeRoutes } from './defaults.ts';
import { addRule, type RuleWords } from './rules.ts';
import type { Op } from './steps.ts';

export const TUNNEL = 900;
const TABLE = 78;

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
      ({ hops, maker }) => maker === 'other' && hops.some(({ ifindex }) => ifindex === TUNNEL),
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
      return add('0.0.0.0', 0, 254, 1);
    case 'split':
      for (const half of ['0.0.0.0', '128.0.0.0']) add(half, 1, 254, 0);
      return;
    case 'networks':
      return add('10.240.0.0', 16, 254, 0);
  }
}

/** Whether packets without a source leave through it, to any destination. */
export function takesAll(state: State): boolean {
  if (!state.links.has(TUNNEL)) return false;
  return PUBLIC.every((destination) => {
    try {
      return lookup(state, { family: 'ipv4', destination })?.hop?.ifindex === TUNNEL;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  });
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
}

/** Returns the rules and routes that refuse TCP to networks that a tunnel carries. */
export function guardOf(
  { address, table, link, ruled }: Guarded,
  state: State,
): { routes: ModelRoute[]; rules: RuleWords[] } {
  const inside = networksInside(state);
  const { family } = address;
  if (table === null || ruled || family === 'ipv6' || inside.length === 0) return { routes: [], rules: [] };
  const guard = 4_186_840_000 + link.index;
  const routes = inside.map(({ destination, prefixLength }): ModelRoute => ({
    ...{ family, destination, prefixLength, table: guard, protocol: 86, type: 3, scope: 253, metric: 0 },
    hops: [{ ifindex: link.index, gateway: null, onlink: false, dead: false }],
    ...{ preferredSource: null, metrics: null, maker: 'daemon' },
  }));
  const rule = { family, source: address.address, sourceLength: bitsOf(family), action: 1, protocol: 86 };
  return { routes, rules: [{ ...rule, priority: 8683, table: guard, ipproto: 6 }] };
}

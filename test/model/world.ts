/** Does to the model kernel what a step says. */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../src/netlink/message.ts';
import { addressFamily, type Family } from '../../src/netlink/ip.ts';
import { addEndpoint, deleteEndpoint, setFlags, setLimits } from './endpoints.ts';
import type { Host } from './host.ts';
import { addAddress, createLink, deleteLink, removeAddress, renameLink, setCarrier, setUp } from './links.ts';
import { addRoute } from './routes.ts';
import { addRule } from './rules.ts';
import { addressPool, gateways, NAMES, TABLE, type Op } from './steps.ts';
import { nowhere, Refusal, type ModelLink, type ModelRoute } from './state.ts';

export class World {
  readonly #host: Host;
  readonly #slots = new Map<number, number>();
  #index = 2;
  /** An administrator changed limits after they had been raised. */
  readonly limitsTaken = { subflows: new Set<number>(), addAddrAccepted: new Set<number>() };
  administrator: { subflows: number; addAddrAccepted: number };
  /** Neighbours touched endpoints: the last path may be gone by their doing. */
  meddled = false;

  constructor(host: Host) {
    this.#host = host;
    this.administrator = { ...host.kernel.state.limits };
  }

  link(slot: number): ModelLink | null {
    return this.#host.kernel.state.links.get(this.#slots.get(slot) ?? -1) ?? null;
  }

  /** What the real kernel would refuse does not happen. */
  change(op: Op): void {
    try {
      this.#change(op);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  }

  #change(op: Op): void {
    const { kernel } = this.#host;
    const { state } = kernel;
    switch (op.op) {
      case 'link':
        return this.#bring(op.slot, op.to);
      case 'recreate': {
        const link = this.link(op.slot);
        if (!link) return;
        deleteLink(state, kernel, link);
        return this.#create(op.slot, op.sameIndex ? link.index : ++this.#index, link.name);
      }
      case 'rename': {
        const link = this.link(op.slot);
        if (link) renameLink(state, kernel, link, NAMES[op.name]!);
        return;
      }
      case 'address':
        return this.#address(op);
      case 'default':
        return this.#default(op);
      case 'split':
        return this.#split(op);
      case 'foreign endpoint': {
        this.meddled = true;
        const [address] = addressPool(op.slot)[op.which]!;
        addEndpoint(
          state,
          { id: 0, address, ifindex: this.link(op.slot)?.index ?? 0, flags: op.flags, port: 0 },
          'world',
          kernel.lies,
        );
        return;
      }
      case 'take endpoint': {
        const found = state.endpoints[op.nth % Math.max(1, state.endpoints.length)];
        this.meddled = true;
        if (found) deleteEndpoint(state, found.id);
        return;
      }
      case 'change endpoint': {
        const found = state.endpoints[op.nth % Math.max(1, state.endpoints.length)];
        this.meddled = true;
        if (found) setFlags(state, found.id, found.flags ^ 4);
        return;
      }
      case 'take policy rule': {
        const own = state.policyRules.filter((each) => each.maker === 'daemon');
        const rule = own[op.nth % Math.max(1, own.length)];
        if (rule) this.#removeRules((each) => each === rule);
        return;
      }
      case 'remove policy rules':
        return this.#removeRules((each) => each.maker === 'world');
      case 'take route': {
        const own = state.routes.filter((each) => each.maker === 'daemon');
        const route = own[op.nth % Math.max(1, own.length)];
        if (route) this.#removeRoutes((each) => each === route);
        return;
      }
      case 'limits':
        return this.#limits(op);
      case 'policy rule':
        return this.#policyRule(op.slot, op.kind);
      default:
        throw new Error(`${op.op} does not happen to the kernel`);
    }
  }

  /** What sets a limit to the value that it has been raised to cannot be told from nothing. */
  #limits(limits: { readonly subflows: number; readonly addAddrAccepted: number }): void {
    const { state } = this.#host.kernel;
    for (const name of ['subflows', 'addAddrAccepted'] as const) {
      if (limits[name] === state.limits[name]) continue;
      if (state.limits[name] !== this.administrator[name])
        this.limitsTaken[name].add(this.administrator[name]).add(limits[name]);
      this.administrator[name] = limits[name];
      setLimits(state, { [name]: limits[name] });
    }
  }

  #create(slot: number, index: number, name: string): void {
    const { kernel } = this.#host;
    createLink(kernel.state, kernel, {
      index,
      name,
      up: false,
      carrier: true,
      pointToPoint: name.startsWith('wwan'),
    });
    this.#slots.set(slot, index);
  }

  #bring(slot: number, to: 'absent' | 'down' | 'no carrier' | 'up'): void {
    const { kernel } = this.#host;
    const link = this.link(slot);
    if (to === 'absent') {
      if (link) deleteLink(kernel.state, kernel, link);
      return;
    }
    if (!link) this.#create(slot, ++this.#index, NAMES[slot]!);
    const made = this.link(slot)!;
    setUp(kernel.state, kernel, made, to !== 'down');
    setCarrier(kernel.state, kernel, made, to !== 'no carrier');
  }

  #address({ slot, which, to }: Op & { op: 'address' }): void {
    const { kernel } = this.#host;
    const link = this.link(slot);
    const [address, prefixLength] = addressPool(slot)[which]!;
    if (!link) return;
    const stands = kernel.state.addresses.find(
      (each) => each.ifindex === link.index && each.address === address,
    );
    const family = addressFamily(address);
    if (to === 'absent') {
      if (stands) removeAddress(kernel.state, kernel, stands);
      return;
    }
    // Duplicate address detection needs IPv6 and a link that is up.
    if (family === 'ipv6' && !link.up) return;
    const flags =
      0x80 | (family === 'ipv6' && to === 'tentative' ? 0x40 : 0) | (to === 'deprecated' ? 0x20 : 0);
    if (!stands)
      return addAddress(kernel.state, kernel, { ifindex: link.index, family, address, prefixLength, flags });
    if (family === 'ipv4') return;
    stands.flags = flags;
    kernel.address('new', stands);
  }

  #routeThrough(
    slot: number,
    family: Family,
    gateway: string | null,
    onlink: boolean,
  ): Omit<ModelRoute, 'maker'> | null {
    const link = this.link(slot);
    if (!link) return null;
    return {
      family,
      destination: nowhere(family),
      prefixLength: 0,
      table: 254,
      protocol: 16,
      type: 1,
      scope: family === 'ipv4' && gateway === null ? 253 : 0,
      metric: 0,
      hops: [{ ifindex: link.index, gateway, onlink, dead: false }],
      preferredSource: null,
      metrics: null,
    };
  }

  #default({ slot, family, gateway, metric, verb, table }: Op & { op: 'default' }): void {
    const { kernel } = this.#host;
    const route = this.#routeThrough(slot, family, gateways(slot, family)[gateway]!, gateway === 4);
    if (!route) return;
    const wanted = { ...route, metric, table: table ?? 254 };
    if (verb === 'delete')
      return this.#removeRoutes(
        (each) =>
          each.maker === 'world' &&
          each.prefixLength === 0 &&
          each.family === family &&
          each.table === wanted.table &&
          each.hops.some((hop) => hop.ifindex === route.hops[0]!.ifindex),
      );
    const { event } = addRoute(
      kernel.state,
      wanted,
      NLM_F_CREATE | (verb === 'add' ? NLM_F_EXCL : NLM_F_REPLACE),
      'world',
    );
    if (event) kernel.route(event.kind, event.route);
  }

  #split({ slot, verb }: Op & { op: 'split' }): void {
    const { kernel } = this.#host;
    const route = this.#routeThrough(slot, 'ipv4', null, false);
    if (verb === 'delete')
      return this.#removeRoutes((each) => each.maker === 'world' && each.prefixLength === 1);
    for (const destination of ['0.0.0.0', '128.0.0.0'])
      if (route)
        addRoute(
          kernel.state,
          { ...route, destination, prefixLength: 1 },
          NLM_F_CREATE | NLM_F_EXCL,
          'world',
        );
  }

  #policyRule(slot: number, kind: number): void {
    const { kernel } = this.#host;
    const source = `10.${slot + 1}.0.0`;
    const base = { family: 'ipv4' as const, protocol: 3, action: 1, source, sourceLength: 16, table: TABLE };
    const { priority: _, ...unnumbered } = { ...base, priority: 0 };
    const rules = [
      { ...base, priority: 100 },
      unnumbered,
      { ...base, priority: 9000 },
      { ...base, priority: 50, action: 7, table: 0 },
      { family: 'ipv4' as const, protocol: 3, action: 1, priority: 100, table: 254, suppress: 0 },
    ];
    const rule = addRule(kernel.state, rules[kind]!, NLM_F_EXCL, 'world');
    kernel.rule('new', rule);
  }

  #removeRules(gone: (rule: (typeof this.rules)[number]) => boolean): void {
    const { kernel } = this.#host;
    for (const rule of kernel.state.policyRules.filter(gone)) {
      kernel.state.policyRules = kernel.state.policyRules.filter((each) => each !== rule);
      kernel.rule('delete', rule);
    }
  }

  get rules(): Host['kernel']['state']['policyRules'] {
    return this.#host.kernel.state.policyRules;
  }

  #removeRoutes(gone: (route: ModelRoute) => boolean): void {
    const { kernel } = this.#host;
    for (const route of kernel.state.routes.filter(gone)) {
      kernel.state.routes = kernel.state.routes.filter((each) => each !== route);
      kernel.route('delete', route);
    }
  }
}

/** Applies a step to the model kernel. */
import { NLM_F_EXCL } from '../../src/netlink/message.ts';
import { addressFamily } from '../../src/netlink/ip.ts';
import { addEndpoint, addImplicit, deleteEndpoint, setFlags, setLimits } from './endpoints.ts';
import type { Host } from './host.ts';
import { addAddress, createLink, deleteLink, removeAddress, renameLink, setCarrier, setUp } from './links.ts';
import { changeRoutes, removeRoutes } from './defaults.ts';
import { addRule } from './rules.ts';
import { changeTunnel } from './tunnel.ts';
import { addressPool, NAMES, TABLE, type Op } from './steps.ts';
import { Refusal, type ModelLink } from './state.ts';

export class Fixture {
  readonly #host: Host;
  readonly #slots = new Map<number, number>();
  #index = 2;
  /** The values to which an administrator changed limits after they had been raised. */
  readonly limitsTaken = { subflows: new Set<number>(), addAddrAccepted: new Set<number>() };
  administrator: { subflows: number; addAddrAccepted: number };
  /** Another program changed endpoints, which may have removed the last path. */
  interfered = false;

  constructor(host: Host) {
    this.#host = host;
    this.administrator = { ...host.kernel.state.limits };
  }

  link(slot: number): ModelLink | null {
    return this.#host.kernel.state.links.get(this.#slots.get(slot) ?? -1) ?? null;
  }

  /** Changes that the real kernel would refuse are not made. */
  change(op: Op): void {
    this.#host.changed = true;
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
      case 'split':
      case 'route in own table':
      case 'multipath':
      case 'nexthop':
      case 'advertised':
        return changeRoutes(kernel, (slot) => this.link(slot), op);
      case 'tunnel':
        return changeTunnel(kernel, op);
      case 'implicit endpoint': {
        const used = state.addresses[op.nth % Math.max(1, state.addresses.length)];
        if (used) addImplicit(state, used.address);
        return;
      }
      case 'replace endpoint':
        return this.#replaceEndpoint(op);
      case 'foreign endpoint': {
        this.interfered = true;
        const [address] = addressPool(op.slot)[op.which]!;
        addEndpoint(
          state,
          { id: 0, address, ifindex: this.link(op.slot)?.index ?? 0, flags: op.flags, port: 0 },
          'other',
          kernel.misreports,
        );
        const added = state.endpoints.find((each) => each.address === address)!;
        if (this.#host.isAsWritten(added)) {
          state.endpoints = state.endpoints.map((each) =>
            each === added ? { ...each, maker: 'daemon' } : each,
          );
          state.countPeculiarity('foreign endpoint identical to a deleted one of multihomed');
        }
        return;
      }
      case 'delete endpoint': {
        const found = state.endpoints[op.nth % Math.max(1, state.endpoints.length)];
        this.interfered = true;
        if (found) deleteEndpoint(state, found.id);
        return;
      }
      case 'change endpoint': {
        const found = state.endpoints[op.nth % Math.max(1, state.endpoints.length)];
        this.interfered = true;
        if (found) setFlags(state, found.id, found.flags ^ 4);
        return;
      }
      case 'delete policy rule': {
        const own = state.policyRules.filter((each) => each.maker === 'daemon');
        const rule = own[op.nth % Math.max(1, own.length)];
        if (rule) this.#removeRules((each) => each === rule);
        return;
      }
      case 'remove policy rules':
        return this.#removeRules((each) => each.maker === 'other');
      case 'delete route': {
        const own = state.routes.filter((each) => each.maker === 'daemon');
        const route = own[op.nth % Math.max(1, own.length)];
        if (route) removeRoutes(kernel, (each) => each === route);
        return;
      }
      case 'limits':
        return this.#limits(op);
      case 'policy rule':
        return this.#policyRule(op.slot, op.kind);
      default:
        throw new Error(`${op.op} does not change the kernel`);
    }
  }

  /** An endpoint that looks exactly like the daemon's cannot be distinguished from it, so it counts as the daemon's. */
  #replaceEndpoint({ nth, how }: Op & { op: 'replace endpoint' }): void {
    const { kernel } = this.#host;
    const { state } = kernel;
    const own = state.endpoints.filter((each) => each.maker === 'daemon');
    const found = own[nth % Math.max(1, own.length)];
    if (!found) return;
    this.interfered = true;
    deleteEndpoint(state, found.id);
    const address = how === 'address' ? '10.250.0.1' : found.address;
    const flags = how === 'flags' ? (found.flags & 1 ? 2 : 1) : found.flags;
    const ifindex = how === 'device' ? 0 : found.ifindex;
    const maker = how === 'same' ? 'daemon' : 'other';
    addEndpoint(
      state,
      { id: found.id, address, ifindex, flags, port: how === 'same' ? found.port : 0 },
      maker,
      kernel.misreports,
    );
    state.countPeculiarity('id taken over by another program');
  }

  /**
   * The journal has each limit that the daemon has changed or will change. A value that an administrator sets meanwhile
   * is not changed any more, even if the daemon had restored the administrator's own value.
   */
  #limits(limits: { readonly subflows: number; readonly addAddrAccepted: number }): void {
    const { state } = this.#host.kernel;
    for (const name of ['subflows', 'addAddrAccepted'] as const) {
      if (limits[name] === state.limits[name]) continue;
      if (state.limits[name] !== this.administrator[name] || this.#host.isRaised(name))
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
    const existing = kernel.state.addresses.find(
      (each) => each.ifindex === link.index && each.address === address,
    );
    const family = addressFamily(address);
    if (to === 'absent') {
      if (existing) removeAddress(kernel.state, kernel, existing);
      return;
    }
    // Duplicate address detection needs IPv6 and a link that is up.
    if (family === 'ipv6' && !link.up) return;
    const flags =
      (to === 'temporary' ? 0x01 : 0x80) |
      (family === 'ipv6' && to === 'tentative' ? 0x40 : 0) |
      (to === 'deprecated' ? 0x20 : 0);
    if (!existing)
      return addAddress(kernel.state, kernel, { ifindex: link.index, family, address, prefixLength, flags });
    if (family === 'ipv4') return;
    existing.flags = flags;
    kernel.address('new', existing);
  }

  #policyRule(slot: number, kind: number): void {
    const { kernel } = this.#host;
    const source = `10.${slot + 1}.0.0`;
    const base = { family: 'ipv4' as const, protocol: 3, action: 1, source, sourceLength: 16, table: TABLE };
    const { priority: _, ...unnumbered } = { ...base, priority: 0 };
    const to = {
      ...{ family: 'ipv4' as const, protocol: 3, action: 1, table: TABLE },
      ...{ destination: '198.18.0.0', destinationLength: 15 },
    };
    const rules = [
      { ...base, priority: 100 },
      unnumbered,
      { ...base, priority: 9000 },
      { ...base, priority: 50, action: 7, table: 0 },
      { family: 'ipv4' as const, protocol: 3, action: 1, priority: 100, table: 254, suppress: 0 },
      { ...to, priority: 9000 },
      to,
      { ...to, ...unnumbered, priority: 32_000 },
      { ...to, priority: 200 },
    ];
    const rule = addRule(kernel.state, rules[kind]!, NLM_F_EXCL, 'other');
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
}

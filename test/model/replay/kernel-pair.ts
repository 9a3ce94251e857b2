/** Applies each operation to the model and to the real kernel, and returns the result of each. */
import { NetlinkError } from '../../../src/netlink/error.ts';
import type { Requester } from '../../../src/netlink/connection.ts';
import type { GenericFamily } from '../../../src/netlink/generic/family.ts';
import { addressFamily } from '../../../src/netlink/ip.ts';
import { addEndpoint, changeEndpoint } from '../../../src/netlink/mptcp/endpoint.ts';
import { generic } from '../../../src/netlink/generic/family.ts';
import { setLimits } from '../../../src/netlink/mptcp/limits.ts';
import { encodeNexthop, encodeRoute, encodeRule } from '../answers.ts';
import { ModelKernel, MPTCP_FAMILY } from '../kernel.ts';
import {
  addAddress,
  createLink,
  deleteLink,
  removeAddress,
  renameLink,
  setCarrier,
  setUp,
} from '../links.ts';
import { ModelRequester } from '../requester.ts';
import { addressPool, gateways } from '../steps.ts';
import { Refusal, State } from '../state.ts';
import { SLOTS, type Operation } from './operations.ts';
import { indexOf, nexthopId, plain, routeOf, ruleOf } from './words.ts';
import * as real from './links.ts';

export interface Side {
  readonly route: Requester;
  readonly generic: Requester;
  readonly mptcp: GenericFamily;
}

/** An empty state, because requests do not carry the flags of links. */
const EMPTY = new State();
export class KernelPair {
  readonly kernel = new ModelKernel();
  readonly model: Side;
  readonly real: Side;

  constructor(kernel: Side) {
    this.real = kernel;
    const requester = new ModelRequester(this.kernel, 'other');
    this.model = { route: requester, generic: requester, mptcp: { id: MPTCP_FAMILY, groups: new Map() } };
  }

  /** Removes everything that an earlier history left, and creates the links of both kernels. */
  async begin(): Promise<void> {
    await real.clear(this.real, SLOTS, indexOf(0));
    for (let slot = 0; slot < SLOTS; slot++) {
      await real.linkAdd(this.real.route, indexOf(slot), `eth${slot}`);
      await real.plug(this.real.route, indexOf(slot), true);
      createLink(this.kernel.state, this.kernel, this.#fresh(slot, `eth${slot}`));
    }
  }

  readonly #fresh = (slot: number, name: string) => ({
    index: indexOf(slot),
    name,
    up: false,
    carrier: true,
    pointToPoint: false,
  });

  /** @returns the result of each kernel: an errno's name, or an empty text */
  async do(operation: Operation): Promise<{ model: string; real: string }> {
    if ('slot' in operation && !/^(endpoint|route|nexthop)/.test(operation.kind))
      return this.#links(operation);
    const ask = this.#request(operation);
    return { model: await resultOf(() => ask(this.model)), real: await resultOf(() => ask(this.real)) };
  }

  async #links(operation: Operation & { slot: number }): Promise<{ model: string; real: string }> {
    const { state } = this.kernel;
    const { route } = this.real;
    const index = indexOf(operation.slot);
    const link = state.links.get(index)!;
    const onBoth = async (model: () => void, kernel: () => Promise<unknown>) => ({
      model: await resultOf(model),
      real: await resultOf(kernel),
    });
    switch (operation.kind) {
      case 'up':
      case 'down':
        return onBoth(
          () => setUp(state, this.kernel, link, operation.kind === 'up'),
          () => real.linkSet(route, index, operation.kind === 'up'),
        );
      case 'plug':
      case 'unplug':
        return onBoth(
          () => setCarrier(state, this.kernel, link, operation.kind === 'plug'),
          () => real.plug(route, index, operation.kind === 'plug'),
        );
      case 'rename': {
        const name = `eth${operation.name}`;
        return onBoth(
          () => {
            if (link.name !== name) renameLink(state, this.kernel, link, name);
          },
          () => real.linkRename(route, index, name),
        );
      }
      case 'recreate':
        await real.linkDelete(route, index);
        await real.linkAdd(route, index, link.name);
        await real.plug(route, index, true);
        deleteLink(state, this.kernel, link);
        createLink(state, this.kernel, this.#fresh(operation.slot, link.name));
        return { model: '', real: '' };
      case 'address add':
      case 'address delete': {
        const [address, prefixLength] = addressPool(operation.slot)[operation.which]!;
        const family = addressFamily(address);
        // The kernel uses an IPv6 address that is added to a link that is down only when the link comes up.
        if (family === 'ipv6' && !link.up) return { model: '', real: '' };
        const payload = real.addressPayload(index, address, prefixLength, operation.deprecated);
        const flags = 0x80 | (family === 'ipv6' && operation.deprecated ? 0x20 : 0);
        if (operation.kind === 'address add')
          return onBoth(
            () => addAddress(state, this.kernel, { ifindex: index, family, address, prefixLength, flags }),
            () => real.addressAdd(route, payload),
          );
        return onBoth(
          () => {
            const existing = state.addresses.find(
              (each) => each.ifindex === index && each.address === address,
            );
            if (!existing) throw new Refusal('EADDRNOTAVAIL');
            removeAddress(state, this.kernel, existing);
          },
          () => real.addressDelete(route, payload),
        );
      }
      default:
        throw new Error(operation.kind);
    }
  }

  #request(operation: Operation): (side: Side) => Promise<unknown> {
    switch (operation.kind) {
      case 'route add':
      case 'route replace':
      case 'route append':
      case 'route delete': {
        const appending = operation.kind === 'route append';
        // An IPv6 append makes one multipath route, which the model does not support.
        const flags =
          appending && operation.family === 'ipv4'
            ? 0xc00
            : { 'route add': 0x600, 'route replace': 0x500, 'route append': 0x600, 'route delete': 0 }[
                operation.kind
              ];
        const type = operation.kind === 'route delete' ? 25 : 24;
        const payload = encodeRoute(routeOf(operation), EMPTY);
        return ({ route }) => route.request({ operation: operation.kind, type, flags, payload });
      }
      case 'route multipath': {
        const { family, slots, gateway, metric, table } = operation;
        const hops = slots.map((slot) => ({
          ifindex: indexOf(slot),
          gateway: gateways(slot, family)[gateway]!,
          ...{ onlink: false, dead: false },
        }));
        const route = { ...plain(family), hops, metric, table };
        const payload = encodeRoute(route, EMPTY);
        return ({ route: r }) => r.request({ operation: operation.kind, type: 24, flags: 0x600, payload });
      }
      case 'nexthop add':
      case 'nexthop delete': {
        const { family, slot } = operation;
        const adding = operation.kind === 'nexthop add';
        const gateway = adding ? gateways(slot, family)[operation.gateway]! : null;
        const id = nexthopId(operation);
        const payload = encodeNexthop({ id, family, ifindex: adding ? indexOf(slot) : 0, gateway });
        const [type, flags] = adding ? [104, 0x600] : [105, 0];
        return ({ route }) => route.request({ operation: operation.kind, type, flags, payload });
      }
      case 'nexthop route': {
        const { family, metric } = operation;
        const route = { ...plain(family), hops: [], metric, nexthop: nexthopId(operation) };
        const payload = encodeRoute(route, EMPTY);
        return ({ route: r }) => r.request({ operation: operation.kind, type: 24, flags: 0x600, payload });
      }
      case 'existing route delete': {
        const existing = this.kernel.state.routes.filter((each) => each.maker !== 'kernel');
        const route = existing[operation.nth % Math.max(1, existing.length)];
        if (!route) return async () => undefined;
        const { loose } = operation;
        const payload = encodeRoute(
          {
            ...route,
            scope: 255,
            type: loose & 1 ? 0 : route.type,
            protocol: loose & 2 ? 0 : route.protocol,
            metric: loose & 4 ? 0 : route.metric,
            hops:
              loose & 8 || route.nexthop !== undefined
                ? []
                : route.hops.map((hop) => ({ ...hop, dead: false })),
            nexthop: loose & 8 ? undefined : route.nexthop,
            ...{ preferredSource: null, metrics: null },
          },
          EMPTY,
        );
        return ({ route: r }) => r.request({ operation: operation.kind, type: 25, payload });
      }
      case 'existing rule delete': {
        const existing = this.kernel.state.policyRules.filter((each) => each.maker !== 'kernel');
        const rule = existing[operation.nth % Math.max(1, existing.length)];
        if (!rule) return async () => undefined;
        const { loose } = operation;
        const payload = encodeRule({
          ...rule,
          priority: loose & 1 ? 0 : rule.priority,
          protocol: rule.protocol,
          suppress: loose & 4 ? null : rule.suppress,
          table: loose & 8 ? 0 : rule.table,
        });
        return ({ route }) => route.request({ operation: operation.kind, type: 33, payload });
      }
      case 'rule add':
      case 'rule delete': {
        const payload = encodeRule(ruleOf(operation));
        const flags = operation.kind === 'rule add' ? 0x400 | (operation.exclusive ? 0x200 : 0) : 0;
        const type = operation.kind === 'rule add' ? 32 : 33;
        return ({ route }) => route.request({ operation: operation.kind, type, flags, payload });
      }
      case 'endpoint add': {
        const [address] = addressPool(operation.address % 3)[operation.address % 8]!;
        const endpoint = {
          id: operation.id,
          address,
          ifindex: indexOf(operation.slot),
          flags: operation.flags,
          port: 0,
        };
        return ({ generic: g, mptcp }) => addEndpoint(g, mptcp, endpoint, 'endpoint add');
      }
      case 'endpoint delete': {
        const [address] = addressPool(0)[0]!;
        const bytes = Buffer.from([
          6,
          0,
          1,
          0,
          2,
          0,
          0,
          0,
          8,
          0,
          3,
          0,
          ...address.split('.').map(Number),
          5,
          0,
          2,
          0,
          operation.id,
          0,
          0,
          0,
        ]);
        const payload = generic(2, 1, (w) => w.nest(1, (nest) => nest.bytes(bytes)));
        return ({ generic: g, mptcp }) => g.request({ operation: operation.kind, type: mptcp.id, payload });
      }
      case 'endpoint change':
        return ({ generic: g, mptcp }) =>
          changeEndpoint(g, mptcp, { id: operation.id, flags: operation.flags }, operation.kind);
      case 'limits':
        return ({ generic: g, mptcp }) => setLimits(g, mptcp, operation, operation.kind);
      default:
        throw new Error(operation.kind);
    }
  }
}

async function resultOf(what: () => unknown): Promise<string> {
  try {
    await what();
    return '';
  } catch (error) {
    if (error instanceof NetlinkError) return `${error.code} ${error.kernelText ?? ''}`.trim();
    if (error instanceof Refusal) return error.message.trim();
    throw error;
  }
}

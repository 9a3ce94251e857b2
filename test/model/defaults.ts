/** Default routes and similar ones, as administrators, routers and other programs add and remove them. */
import type { Family } from '../../src/netlink/ip.ts';
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../src/netlink/message.ts';
import type { ModelKernel } from './kernel.ts';
import { addNexthop, dropNexthop } from './links.ts';
import { addRoute, type RouteFields } from './routes.ts';
import { addressPool, gateways, type Op } from './steps.ts';
import { networkOf, nowhere, type ModelHop, type ModelLink, type ModelRoute } from './state.ts';

type Routes = Op & {
  op: 'default' | 'split' | 'route in own table' | 'multipath' | 'nexthop' | 'advertised';
};
type LinkOf = (slot: number) => ModelLink | null;

/** @throws Refusal when the kernel would refuse */
export function changeRoutes(kernel: ModelKernel, linkOf: LinkOf, op: Routes): void {
  switch (op.op) {
    case 'default':
      return changeDefault(kernel, linkOf, op);
    case 'split':
      return split(kernel, linkOf, op);
    case 'route in own table':
      return changeOwnTable(kernel, linkOf, op);
    case 'multipath':
      return multipath(kernel, linkOf, op);
    case 'nexthop':
      return nexthop(kernel, linkOf, op);
    case 'advertised':
      return advertise(kernel, linkOf, op);
  }
}

export function removeRoutes(kernel: ModelKernel, gone: (route: ModelRoute) => boolean): void {
  for (const route of kernel.state.routes.filter(gone)) {
    kernel.state.routes = kernel.state.routes.filter((each) => each !== route);
    kernel.route('delete', route);
  }
}

function add(kernel: ModelKernel, words: RouteFields, verb: 'add' | 'replace' = 'add'): void {
  const flags = NLM_F_CREATE | (verb === 'add' ? NLM_F_EXCL : NLM_F_REPLACE);
  const { event } = addRoute(kernel.state, words, flags, 'other');
  if (event) kernel.route(event.kind, event.route);
}

const hop = (link: ModelLink, gateway: string | null, onlink = false): ModelHop => ({
  ifindex: link.index,
  ...{ gateway, onlink, dead: false },
});

/** A default route of another program in main. */
const defaultOver = (family: Family, ...hops: ModelHop[]): RouteFields => ({
  ...{ family, destination: nowhere(family), prefixLength: 0, table: 254, protocol: 16, type: 1 },
  scope: family === 'ipv4' && hops.every(({ gateway }) => gateway === null) ? 253 : 0,
  ...{ metric: 0, hops, preferredSource: null, metrics: null },
});

function changeDefault(kernel: ModelKernel, linkOf: LinkOf, op: Op & { op: 'default' }): void {
  const { slot, family, gateway, metric, verb, table = 254, source } = op;
  const link = linkOf(slot);
  if (!link) return;
  if (verb === 'delete')
    return removeRoutes(
      kernel,
      (each) =>
        each.maker === 'other' &&
        each.prefixLength === 0 &&
        each.family === family &&
        each.table === table &&
        each.nexthop === undefined &&
        each.hops.length === 1 &&
        each.hops[0]!.ifindex === link.index,
    );
  const through = hop(link, gateways(slot, family)[gateway]!, gateway === 4);
  const preferredSource = source === undefined ? null : addressPool(slot)[source]![0];
  add(kernel, { ...defaultOver(family, through), metric, table, preferredSource }, verb);
}

function split(kernel: ModelKernel, linkOf: LinkOf, { slot, verb }: Op & { op: 'split' }): void {
  const link = linkOf(slot);
  if (verb === 'delete')
    return removeRoutes(kernel, (each) => each.maker === 'other' && each.prefixLength === 1);
  for (const destination of ['0.0.0.0', '128.0.0.0'])
    if (link) add(kernel, { ...defaultOver('ipv4', hop(link, null)), destination, prefixLength: 1 });
}

/** Adds another program's route to a table with one of multihomed's numbers. */
function changeOwnTable(kernel: ModelKernel, linkOf: LinkOf, op: Op & { op: 'route in own table' }): void {
  const { slot, family, what, metric, verb } = op;
  const link = linkOf(slot);
  if (!link) return;
  const table = 86_840_000 + link.index;
  if (verb === 'delete')
    return removeRoutes(kernel, (each) => each.maker === 'other' && each.table === table);
  const [address, prefixLength] = addressPool(slot)[family === 'ipv4' ? 0 : 5]!;
  const subnet = { destination: networkOf(family, address, prefixLength), prefixLength };
  const route = defaultOver(family, hop(link, null));
  add(kernel, { ...route, ...(what === 'subnet' ? subnet : {}), metric, table });
}

function multipath(kernel: ModelKernel, linkOf: LinkOf, op: Op & { op: 'multipath' }): void {
  const { slots, family, metric, verb } = op;
  if (verb === 'delete')
    return removeRoutes(
      kernel,
      (each) => each.maker === 'other' && each.family === family && each.hops.length > 1,
    );
  const hops = slots.flatMap((slot) => {
    const link = linkOf(slot);
    return link ? [hop(link, gateways(slot, family)[0]!)] : [];
  });
  if (hops.length === slots.length && slots[0] !== slots[1])
    add(kernel, { ...defaultOver(family, ...hops), metric });
}

function nexthop(kernel: ModelKernel, linkOf: LinkOf, op: Op & { op: 'nexthop' }): void {
  const { slot, family, metric, verb } = op;
  const { state } = kernel;
  const id = slot + (family === 'ipv4' ? 1 : 11);
  const existing = state.nexthops.get(id);
  if (verb === 'delete') {
    if (!existing) return;
    dropNexthop(state, id);
    return kernel.nexthop('delete', existing);
  }
  const link = linkOf(slot);
  if (!link || existing) return;
  const gateway = gateways(slot, family)[op.gateway]!;
  addNexthop(state, kernel, { id, family, ifindex: link.index, gateway });
  add(kernel, { ...defaultOver(family, hop(link, gateway)), metric, nexthop: id });
}

/** proto ra. A lifetime of 0 removes it at once. */
function advertise(kernel: ModelKernel, linkOf: LinkOf, op: Op & { op: 'advertised' }): void {
  const link = linkOf(op.slot);
  if (!link) return;
  const gateway = gateways(op.slot, 'ipv6')[op.gateway]!;
  const mine = (each: ModelRoute): boolean =>
    each.protocol === 9 && each.hops[0]!.ifindex === link.index && each.hops[0]!.gateway === gateway;
  if (op.lifetime === 0) return removeRoutes(kernel, mine);
  const expires = kernel.state.now + op.lifetime * 1000;
  const route = { ...defaultOver('ipv6', hop(link, gateway)), protocol: 9, expires };
  add(kernel, route, kernel.state.routes.some(mine) ? 'replace' : 'add');
}

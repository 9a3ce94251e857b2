/** Encodes the state of the model kernel as the messages of the real one. */
import { Writer } from '../../src/netlink/bytes.ts';
import { addressBytes, addressFamily, familyNumber } from '../../src/netlink/ip.ts';
import type { Message } from '../../src/netlink/message.ts';
import type {
  ModelAddress,
  ModelEndpoint,
  ModelLink,
  ModelNexthop,
  ModelRoute,
  ModelRule,
  State,
} from './state.ts';

const NLM_F_MULTI = 2;
const RTNH_F_DEAD = 1;
const RTNH_F_ONLINK = 4;
const RTNH_F_LINKDOWN = 16;

export const message = (type: number, payload: Buffer, portId = 0): Message => ({
  type,
  flags: NLM_F_MULTI,
  sequence: 0,
  portId,
  payload,
});

/** IFF_UP, IFF_RUNNING and IFF_LOWER_UP by the link's state; POINTOPOINT and NOARP for a modem. */
const linkFlags = ({ up, carrier, pointToPoint }: ModelLink): number =>
  (up ? 0x1 : 0) | (up && carrier ? 0x40 | 0x10000 : 0) | (pointToPoint ? 0x10 | 0x80 : 0x2 | 0x1000);

export function encodeLink(link: ModelLink): Buffer {
  return new Writer()
    .u8(0)
    .u8(0)
    .u16(link.pointToPoint ? 0xfffe : 1)
    .s32(link.index)
    .u32(linkFlags(link))
    .u32(0)
    .attributeString(3, link.name)
    .nest(18, (info) => info.attributeString(1, link.kind ?? 'veth'))
    .done();
}

export function encodeAddress(address: ModelAddress): Buffer {
  const bytes = addressBytes(address.address);
  const writer = new Writer()
    .u8(familyNumber(address.family))
    .u8(address.prefixLength)
    .u8(address.flags & 0xff)
    .u8(address.address.startsWith('fe80:') ? 253 : 0)
    .u32(address.ifindex)
    .attributeBytes(1, bytes);
  if (address.family === 'ipv4') writer.attributeBytes(2, bytes);
  return writer
    .attributeU32(8, address.flags)
    .attribute(6, (cache) =>
      cache
        .u32(address.flags & 0x20 ? 0 : 0xffff_ffff)
        .u32(0xffff_ffff)
        .u32(address.created ?? 0)
        .u32(0),
    )
    .done();
}

export function encodeRoute(route: ModelRoute, state: State): Buffer {
  const [only] = route.hops;
  const single = route.hops.length === 1;
  const lost = (ifindex: number): number =>
    state.links.get(ifindex)?.carrier === false ? RTNH_F_LINKDOWN : 0;
  const hopFlags = (hop: ModelRoute['hops'][number]): number =>
    (hop.dead ? RTNH_F_DEAD : 0) | (hop.onlink ? RTNH_F_ONLINK : 0) | lost(hop.ifindex);
  const writer = new Writer()
    .u8(familyNumber(route.family))
    .u8(route.prefixLength)
    .u8(0)
    .u8(0)
    .u8(route.table < 256 ? route.table : 0)
    .u8(route.protocol)
    .u8(route.scope)
    .u8(route.type)
    .u32(only && single ? hopFlags(only) : 0)
    .attributeU32(15, route.table);
  if (route.prefixLength > 0) writer.attributeBytes(1, addressBytes(route.destination));
  if (route.metric > 0 || route.family === 'ipv6') writer.attributeU32(6, route.metric);
  if (route.preferredSource) writer.attributeBytes(7, addressBytes(route.preferredSource));
  if (route.metrics) writer.nest(8, (nest) => nest.bytes(route.metrics!));
  if (route.nexthop !== undefined) writer.attributeU32(30, route.nexthop);
  if (route.expires !== undefined)
    writer.attribute(12, (cache) => cacheInfo(cache, route.expires! - state.now));
  if (only && single) {
    writer.attributeU32(4, only.ifindex);
    if (only.gateway) gateway(writer, route, only.gateway);
  }
  if (!single && route.hops.length > 0)
    writer.attribute(9, (list) => {
      for (const hop of route.hops) {
        const inner = new Writer();
        if (hop.gateway) gateway(inner, route, hop.gateway);
        const attributes = inner.done();
        list
          .u16(8 + attributes.length)
          .u8(hopFlags(hop))
          .u8(0)
          .s32(hop.ifindex)
          .bytes(attributes);
      }
    });
  return writer.done();
}

/** struct rta_cacheinfo: rta_expires in USER_HZ, negative after it has expired; 0 means never. */
const cacheInfo = (writer: Writer, left: number): Writer =>
  writer
    .u32(0)
    .u32(0)
    .s32(Math.round(left / 10) || -1)
    .bytes(Buffer.alloc(20));

function gateway(writer: Writer, route: ModelRoute, address: string): void {
  const family = addressFamily(address);
  if (family === route.family) writer.attributeBytes(5, addressBytes(address));
  else writer.attribute(18, (via) => via.u16(familyNumber(family)).bytes(addressBytes(address)));
}

export function encodeRule(rule: ModelRule): Buffer {
  const writer = new Writer()
    .u8(familyNumber(rule.family))
    .u8(rule.destinationLength)
    .u8(rule.sourceLength)
    .u8(0)
    .u8(rule.table < 256 ? rule.table : 252)
    .u16(0)
    .u8(rule.action)
    .u32(0)
    .attributeU32(15, rule.table)
    .attributeU32(14, rule.suppress ?? 0xffff_ffff)
    .attributeBytes(21, Buffer.of(rule.protocol));
  if (rule.priority > 0) writer.attributeU32(6, rule.priority);
  if (rule.source) writer.attributeBytes(2, addressBytes(rule.source));
  if (rule.destination) writer.attributeBytes(1, addressBytes(rule.destination));
  if (rule.goto !== null) writer.attributeU32(4, rule.goto);
  if (rule.ipproto !== undefined) writer.attributeBytes(22, Buffer.of(rule.ipproto));
  return writer.done();
}

export function encodeNexthop(nexthop: ModelNexthop): Buffer {
  const writer = new Writer()
    .u8(familyNumber(nexthop.family))
    .u8(0)
    .u8(0)
    .u8(0)
    .u32(0)
    .attributeU32(1, nexthop.id);
  if (nexthop.ifindex) writer.attributeU32(5, nexthop.ifindex);
  if (nexthop.gateway) writer.attributeBytes(6, addressBytes(nexthop.gateway));
  return writer.done();
}

/** As in dumps: with a port of 0, and without an index of 0. */
export function encodeEndpoint(endpoint: ModelEndpoint): Buffer {
  const family = addressFamily(endpoint.address);
  return new Writer()
    .u8(1)
    .u8(1)
    .u16(0)
    .nest(1, (nest) => {
      nest
        .attribute(1, (w) => w.u16(familyNumber(family)))
        .attribute(5, (w) => w.u16(endpoint.port))
        .attribute(2, (w) => w.u8(endpoint.id))
        .attributeU32(6, endpoint.flags);
      if (endpoint.ifindex) nest.attribute(7, (w) => w.s32(endpoint.ifindex));
      nest.attributeBytes(family === 'ipv4' ? 3 : 4, addressBytes(endpoint.address));
    })
    .done();
}

export function encodeLimits(limits: State['limits']): Buffer {
  return new Writer()
    .u8(6)
    .u8(1)
    .u16(0)
    .attributeU32(2, limits.addAddrAccepted)
    .attributeU32(3, limits.subflows)
    .done();
}

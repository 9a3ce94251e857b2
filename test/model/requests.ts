/**
 * Parses requests for the model kernel by linux/rtnetlink.h and linux/mptcp_pm.h; src/ only reads attributes and bytes.
 */
import { Attributes } from '../../src/netlink/attribute.ts';
import { readS32, readU16, readU32 } from '../../src/netlink/bytes.ts';
import { readAddress, type Family } from '../../src/netlink/ip.ts';
import type { RouteFields } from './routes.ts';
import type { RuleFields } from './rules.ts';
import { nowhere, Refusal, type ModelHop, type ModelNexthop } from './state.ts';

export function familyAt(payload: Buffer): Family {
  const number = payload.readUInt8(0);
  if (number === 2) return 'ipv4';
  if (number === 10) return 'ipv6';
  throw new Refusal('EAFNOSUPPORT');
}

const text = (family: Family, bytes: Buffer | undefined): string | null =>
  bytes ? readAddress(family, bytes) : null;

export function readRoute(payload: Buffer): RouteFields {
  const family = familyAt(payload);
  const attributes = new Attributes(payload.subarray(12));
  const onlink = (readU32(payload, 8) & 4) !== 0;
  const oif = attributes.u32(4);
  const via = attributes.bytes(18);
  const gateway =
    text(family, attributes.bytes(5)) ??
    (via ? readAddress(readU16(via, 0) === 2 ? 'ipv4' : 'ipv6', via.subarray(2)) : null);
  const several = attributes.bytes(9);
  const hops: ModelHop[] = several
    ? readHops(family, several)
    : oif || gateway
      ? [{ ifindex: oif ?? 0, gateway, onlink, dead: false }]
      : [];
  return {
    family,
    destination: text(family, attributes.bytes(1)) ?? nowhere(family),
    prefixLength: payload.readUInt8(1),
    table: attributes.u32(15) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: family === 'ipv6' ? 0 : payload.readUInt8(6),
    type: payload.readUInt8(7),
    metric: attributes.u32(6) ?? 0,
    hops,
    preferredSource: text(family, attributes.bytes(7)),
    metrics: attributes.bytes(8) ?? null,
    ...(attributes.has(30) ? { nexthop: attributes.u32(30) } : {}),
  };
}

function readHops(family: Family, list: Buffer): ModelHop[] {
  const hops: ModelHop[] = [];
  for (let at = 0; at + 8 <= list.length; at += (readU16(list, at) + 3) & ~3) {
    const attributes = new Attributes(list.subarray(at + 8, at + readU16(list, at)));
    hops.push({
      ifindex: readS32(list, at + 4),
      gateway: text(family, attributes.bytes(5)),
      onlink: (list.readUInt8(at + 2) & 4) !== 0,
      dead: false,
    });
  }
  return hops;
}

export function readNexthop(payload: Buffer): ModelNexthop {
  const attributes = new Attributes(payload.subarray(8));
  const family: Family = payload.readUInt8(0) === 10 ? 'ipv6' : 'ipv4';
  return {
    id: attributes.u32(1) ?? 0,
    family,
    ifindex: attributes.u32(5) ?? 0,
    gateway: text(family, attributes.bytes(6)),
  };
}

export interface FlowFields {
  readonly family: Family;
  readonly destination: string;
  readonly source: string | undefined;
  readonly oif: number | undefined;
  /** RTM_F_FIB_MATCH */
  readonly match: boolean;
  readonly tableWanted: boolean;
}

export function readFlow(payload: Buffer): FlowFields {
  const family = familyAt(payload);
  const attributes = new Attributes(payload.subarray(12));
  const bits = family === 'ipv4' ? 32 : 128;
  const source = text(family, attributes.bytes(2)) ?? undefined;
  const strict = payload.readUInt8(1) === bits && payload.readUInt8(2) === (source ? bits : 0);
  if (!strict) throw new Refusal('EINVAL', 'Invalid values in header for route get request');
  if (attributes.has(6) || attributes.has(15))
    throw new Refusal('EINVAL', 'Unsupported attribute in route get request');
  const flags = readU32(payload, 8);
  return {
    family,
    destination: text(family, attributes.bytes(1))!,
    source,
    oif: attributes.u32(4),
    match: (flags & 0x2000) !== 0,
    tableWanted: (flags & 0x1000) !== 0,
  };
}

export function readRule(payload: Buffer): RuleFields {
  const family = familyAt(payload);
  const attributes = new Attributes(payload.subarray(12));
  const table = attributes.u32(15) ?? payload.readUInt8(4);
  const source = text(family, attributes.bytes(2));
  const suppress = attributes.u32(14);
  const priority = attributes.u32(6);
  const protocol = attributes.u8(21);
  const action = payload.readUInt8(7);
  const destination = text(family, attributes.bytes(1));
  const target = attributes.u32(4);
  const ipproto = attributes.u8(22);
  return {
    family,
    ...(priority === undefined ? {} : { priority }),
    ...(source === null ? {} : { source, sourceLength: payload.readUInt8(2) }),
    ...(destination === null ? {} : { destination, destinationLength: payload.readUInt8(1) }),
    ...(target === undefined ? {} : { goto: target }),
    ...(ipproto === undefined ? {} : { ipproto }),
    ...(table === 0 ? {} : { table }),
    ...(action === 0 ? {} : { action }),
    ...(suppress === undefined ? {} : { suppress: suppress === 0xffff_ffff ? null : suppress }),
    ...(protocol === undefined ? {} : { protocol }),
  };
}

export interface EndpointFields {
  readonly id: number;
  readonly address: string | null;
  readonly ifindex: number;
  readonly flags: number;
  readonly port: number;
}

export function readEndpoint(payload: Buffer): EndpointFields {
  const nest = new Attributes(payload.subarray(4)).nested(1);
  if (!nest) throw new Refusal('EINVAL', 'missing required address');
  const family: Family = nest.u16(1) === 10 ? 'ipv6' : 'ipv4';
  return {
    id: nest.u8(2) ?? 0,
    address: text(family, nest.bytes(family === 'ipv4' ? 3 : 4)),
    ifindex: nest.s32(7) ?? 0,
    flags: nest.u32(6) ?? 0,
    port: nest.u16(5) ?? 0,
  };
}

export function readLimits(payload: Buffer): { subflows?: number; addAddrAccepted?: number } {
  const attributes = new Attributes(payload.subarray(4));
  const subflows = attributes.u32(3);
  const addAddrAccepted = attributes.u32(2);
  return {
    ...(subflows === undefined ? {} : { subflows }),
    ...(addAddrAccepted === undefined ? {} : { addAddrAccepted }),
  };
}

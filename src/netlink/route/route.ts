/** Routes: struct rtmsg (linux/rtnetlink.h), IPv4 and IPv6. */
import { Attributes, DecodeError } from '../attribute.ts';
import { readS32, readU16, readU32, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import { addressBytes, addressFamily, familyNumber, familyOf, readAddress, type Family } from '../ip.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, type Message } from '../message.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

export const RT_TABLE_DEFAULT = 253;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;
/** Whether a table is one of the kernel's own: unspecified (0), default, main or local. */
export const isReservedTable = (table: number): boolean =>
  table === 0 || table === RT_TABLE_DEFAULT || table === RT_TABLE_MAIN || table === RT_TABLE_LOCAL;

const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
export const RTN_UNICAST = 1;
export const RTN_BROADCAST = 3;
export const RTN_BLACKHOLE = 6;
export const RTN_UNREACHABLE = 7;
export const RTN_PROHIBIT = 8;
export const RTN_THROW = 9;
const RTNH_F_DEAD = 1;
const RTNH_F_ONLINK = 4;
const RTNH_F_LINKDOWN = 16;
const RTM_F_CLONED = 0x200;

export const RTA_DST = 1;
export const RTA_SRC = 2;
export const RTA_OIF = 4;
export const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
export const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
export const RTA_MULTIPATH = 9;
const RTA_CACHEINFO = 12;
export const RTA_TABLE = 15;
export const RTA_MARK = 16;
export const RTA_VIA = 18;
export const RTA_NH_ID = 30;

export interface Hop {
  readonly ifindex: number;
  /** null: the destination is on the link. It may be an IPv6 address in an IPv4 route (RTA_VIA). */
  readonly gateway: string | null;
  readonly onlink: boolean;
  /** RTNH_F_DEAD or RTNH_F_LINKDOWN is set: the kernel does not use the hop, but see `linkDown`. */
  readonly dead: boolean;
  /** Dead only because the link has no carrier: the kernel still uses it unless ignore_routes_with_linkdown is set. */
  readonly linkDown?: true;
}

export interface Route {
  readonly family: Family;
  /** Network address; null: a default route. */
  readonly destination: string | null;
  readonly prefixLength: number;
  /** IPv6: only for packets from this network (`ip route add default from …`, RFC 8028); absent: from any. */
  readonly from?: { readonly network: string; readonly prefixLength: number };
  readonly table: number;
  /** rtm_protocol: the program that made it. */
  readonly protocol: number;
  /** RTN_*; 1: unicast. */
  readonly type: number;
  readonly metric: number;
  readonly hops: readonly Hop[];
  readonly preferredSource: string | null;
  /** RTA_METRICS as received (mtu, advmss, initcwnd and others), to be set on a copy. */
  readonly metrics: Buffer | null;
  /** Seconds until a route from a router advertisement expires; null: never; negative: it has expired. */
  readonly expires: number | null;
  /** Id of the nexthop object that it uses; null: none. */
  readonly nexthop: number | null;
}

/** USER_HZ, the unit of rta_expires: 100 on every architecture that Linux supports except Alpha. */
const USER_HZ = 100;

/** A default route and the hop of it that is used. */
export interface DefaultRoute {
  readonly route: Route;
  readonly hop: Hop;
}

/**
 * @param cached decode cache entries (RTM_F_CLONED) too
 * @returns null: another family, or a cache entry
 * @throws DecodeError
 */
export function decodeRoute(
  message: Message,
  { cached = false }: { readonly cached?: boolean } = {},
): Route | null {
  const { payload } = message;
  if (payload.length < 12) throw new DecodeError('route message without rtmsg');
  const family = familyOf(payload.readUInt8(0));
  const flags = readU32(payload, 8);
  if (!family || (flags & RTM_F_CLONED && !cached)) return null;
  const attributes = new Attributes(payload.subarray(12));
  const destination = attributes.bytes(RTA_DST);
  const cache = attributes.bytes(RTA_CACHEINFO, 12);
  const expires = cache ? readS32(cache, 8) : 0;
  const source = attributes.bytes(RTA_PREFSRC);
  const from = attributes.bytes(RTA_SRC);
  return {
    family,
    destination: destination ? readAddress(family, destination) : null,
    prefixLength: payload.readUInt8(1),
    ...(from ? { from: { network: readAddress(family, from), prefixLength: payload.readUInt8(2) } } : {}),
    table: attributes.u32(RTA_TABLE) ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    type: payload.readUInt8(7),
    metric: attributes.u32(RTA_PRIORITY) ?? 0,
    hops: decodeHops(family, attributes, flags),
    preferredSource: source ? readAddress(family, source) : null,
    metrics: attributes.bytes(RTA_METRICS) ?? null,
    expires: expires === 0 ? null : expires / USER_HZ,
    nexthop: attributes.u32(RTA_NH_ID) ?? null,
  };
}

function decodeHops(family: Family, attributes: Attributes, flags: number): Hop[] {
  const multipath = attributes.bytes(RTA_MULTIPATH);
  if (multipath) return decodeMultipath(family, multipath);
  const ifindex = attributes.u32(RTA_OIF);
  return ifindex === undefined ? [] : [decodeHop(family, attributes, ifindex, flags)];
}

function decodeHop(family: Family, attributes: Attributes, ifindex: number, flags: number): Hop {
  const gateway = attributes.bytes(RTA_GATEWAY);
  const via = attributes.bytes(RTA_VIA, 2);
  const viaFamily = via && familyOf(readU16(via, 0));
  return {
    ifindex,
    gateway: gateway
      ? readAddress(family, gateway)
      : via && viaFamily
        ? readAddress(viaFamily, via.subarray(2))
        : null,
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    dead: (flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) !== 0,
    ...((flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) === RTNH_F_LINKDOWN ? { linkDown: true as const } : {}),
  };
}

/** struct rtnexthop: u16 length, u8 flags, u8 hops, s32 ifindex, then attributes. */
function decodeMultipath(family: Family, bytes: Buffer): Hop[] {
  const hops: Hop[] = [];
  let at = 0;
  while (at + 8 <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < 8 || at + length > bytes.length) throw new DecodeError('nexthop longer than its list');
    const attributes = new Attributes(bytes.subarray(at + 8, at + length));
    hops.push(decodeHop(family, attributes, readS32(bytes, at + 4), bytes.readUInt8(at + 2)));
    at += (length + 3) & ~3;
  }
  return hops;
}

/** A route to be added or deleted: one hop in one table. */
export interface NewRoute {
  readonly family: Family;
  readonly destination: string | null;
  readonly prefixLength: number;
  readonly table: number;
  readonly protocol: number;
  /** RTN_*; absent: unicast. */
  readonly type?: number;
  readonly hop: { readonly ifindex: number; readonly gateway: string | null; readonly onlink: boolean };
  readonly metrics: Buffer | null;
}

function encodeRoute(route: NewRoute, request: 'add' | 'delete'): Buffer {
  const { hop } = route;
  const deleting = request === 'delete';
  const scope = deleting
    ? RT_SCOPE_NOWHERE
    : hop.gateway || route.family === 'ipv6'
      ? RT_SCOPE_UNIVERSE
      : RT_SCOPE_LINK;
  const writer = new Writer()
    .u8(familyNumber(route.family))
    .u8(route.prefixLength)
    .u8(0)
    .u8(0)
    .u8(route.table < 256 ? route.table : 0)
    .u8(route.protocol)
    .u8(scope)
    .u8(deleting ? 0 : (route.type ?? RTN_UNICAST))
    .u32(hop.onlink && !deleting ? RTNH_F_ONLINK : 0);
  if (route.destination) writer.attributeBytes(RTA_DST, addressBytes(route.destination));
  writer.attributeU32(RTA_TABLE, route.table);
  if (hop.ifindex) writer.attributeU32(RTA_OIF, hop.ifindex);
  if (hop.gateway) writeGateway(writer, route.family, hop.gateway);
  if (route.metrics && !deleting) writer.nest(RTA_METRICS, (nest) => nest.bytes(route.metrics!));
  return writer.done();
}

function writeGateway(writer: Writer, family: Family, gateway: string): void {
  const own = addressFamily(gateway);
  const bytes = addressBytes(gateway);
  if (own === family) writer.attributeBytes(RTA_GATEWAY, bytes);
  else writer.attribute(RTA_VIA, (via) => via.u16(familyNumber(own)).bytes(bytes));
}

/**
 * Adds a route.
 * @throws NetlinkError EEXIST if the table has a route with this destination and metric, of any program
 */
export async function addRoute(requester: Requester, route: NewRoute, operation: string): Promise<void> {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  await requester.request({ operation, type: RTM_NEWROUTE, flags, payload: encodeRoute(route, 'add') });
}

/**
 * Adds a route after those with the same destination and metric in its table. NLM_F_REPLACE would replace the first
 * of them, even one of another program (ip route prepend default … table 100; ip route replace …).
 * @throws NetlinkError
 */
export async function appendRoute(requester: Requester, route: NewRoute, operation: string): Promise<void> {
  await requester.request({
    operation,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_APPEND,
    payload: encodeRoute(route, 'add'),
  });
}

/**
 * Deletes exactly this route: protocol, table, device and gateway must match.
 * @throws NetlinkError ESRCH if none matches
 */
export async function deleteRoute(requester: Requester, route: NewRoute, operation: string): Promise<void> {
  await requester.request({ operation, type: RTM_DELROUTE, payload: encodeRoute(route, 'delete') });
}

/** Reads rtm_tos only: a route for a type of service is not for all packets. */
const isForAll = ({ payload }: Message): boolean => payload.length > 3 && payload.readUInt8(3) === 0;
const isDefault = (message: Message): boolean => isForAll(message) && message.payload.readUInt8(1) === 0;

/**
 * Dumps routes. Unless a comment says otherwise, the kernel filters, under strict checking; 0 or absent: any.
 * @throws NetlinkError, DecodeError
 */
export async function dumpRoutes(
  requester: Requester,
  filter: {
    family: Family;
    table?: number;
    protocol?: number;
    ifindex?: number;
    /** Only prefix length 0; filtered here, since the kernel has no such filter. */
    defaultsOnly?: boolean;
    /** Only routes without a type of service; filtered here. */
    anyService?: boolean;
    /** Only the first ones, up to this number; filtered here. */
    most?: number;
  },
): Promise<Route[]> {
  const writer = new Writer()
    .u8(familyNumber(filter.family))
    .bytes(Buffer.alloc(4))
    .u8(filter.protocol ?? 0)
    .u16(0)
    .u32(0);
  if (filter.table !== undefined) writer.attributeU32(RTA_TABLE, filter.table);
  if (filter.ifindex !== undefined) writer.attributeU32(RTA_OIF, filter.ifindex);
  const { most } = filter;
  const where = filter.table === undefined ? '' : ` table ${filter.table}`;
  try {
    const messages = await requester.dump({
      operation: `route show${where}`,
      type: RTM_GETROUTE,
      payload: writer.done(),
      ...(filter.defaultsOnly ? { keep: isDefault } : filter.anyService ? { keep: isForAll } : {}),
      ...(most === undefined ? {} : { keep: (_: Message, kept: number) => kept < most }),
    });
    return (
      messages
        .filter((message) => message.type === RTM_NEWROUTE)
        .map((message) => decodeRoute(message))
        .filter((route) => route !== null)
        // A kernel without IPv6 answers with the IPv4 routes.
        .filter((route) => route.family === filter.family)
    );
  } catch (error) {
    // A table that was never used: ENOENT "FIB table does not exist" (ip route show table 4711).
    if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
    throw error;
  }
}

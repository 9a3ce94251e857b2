/** Which parts an rtnetlink event makes stale. Events only wake: their content never becomes part of a snapshot. */
import { Attributes } from '../netlink/attribute.ts';
import { readU32 } from '../netlink/bytes.ts';
import { AF_UNSPEC } from '../netlink/ip.ts';
import { NLM_F_REPLACE, type Message } from '../netlink/message.ts';
import { RTM_DELADDR, RTM_NEWADDR } from '../netlink/route/address.ts';
import { RTM_DELLINK, RTM_NEWLINK } from '../netlink/route/link.ts';
import { RTM_NEWNEIGH } from '../netlink/route/neighbour.ts';
import { RTM_DELNEXTHOP, RTM_NEWNEXTHOP } from '../netlink/route/nexthop.ts';
import { RTM_DELRULE, RTM_NEWRULE } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import {
  RTA_MULTIPATH,
  RTA_NH_ID,
  RTA_OIF,
  RTA_TABLE,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RT_TABLE_MAIN,
} from '../netlink/route/route.ts';
import { CLEAN, type Dirty } from '../snapshot/dirty.ts';
import type { SnapshotPart } from '../snapshot/snapshot.ts';

const NOTHING: readonly SnapshotPart[] = [];

/** Named like the objects of ip(8). */
export type EventKind = 'link' | 'address' | 'route' | 'rule' | 'neighbour' | 'nexthop';

const KINDS: ReadonlyMap<number, EventKind> = new Map([
  [RTM_NEWLINK, 'link'],
  [RTM_DELLINK, 'link'],
  [RTM_NEWADDR, 'address'],
  [RTM_DELADDR, 'address'],
  [RTM_NEWROUTE, 'route'],
  [RTM_DELROUTE, 'route'],
  [RTM_NEWRULE, 'rule'],
  [RTM_DELRULE, 'rule'],
  [RTM_NEWNEIGH, 'neighbour'],
  [RTM_NEWNEXTHOP, 'nexthop'],
  [RTM_DELNEXTHOP, 'nexthop'],
]);

/** The kind of an event; null: no part of the snapshot depends on it. */
export const eventKind = ({ type }: Message): EventKind | null => KINDS.get(type) ?? null;

/** The index of the link that a link or address event is about, at offset 4 in both headers; null: another event. */
export function touchedBy(message: Message): number | null {
  const { type, payload } = message;
  const isLinks =
    type === RTM_NEWLINK || type === RTM_DELLINK || type === RTM_NEWADDR || type === RTM_DELADDR;
  return isLinks && payload.length >= 8 ? readU32(payload, 4) : null;
}

/**
 * Routes are stale after each link, address and nexthop event: the kernel removes routes without an event when a link
 * goes down, or when an IPv4 address or a nexthop object is deleted (`ip monitor route` shows nothing while
 * `ip link set down` empties a table).
 */
export function staleAfter(message: Message): readonly SnapshotPart[] {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // AF_BRIDGE: the message is about a bridge port and says nothing of the link itself.
      return message.payload.length > 0 && message.payload.readUInt8(0) !== AF_UNSPEC
        ? NOTHING
        : ['links', 'addresses', 'routes'];
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return ['addresses', 'routes'];
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    // If a host has several IPv6 routers, the kernel stops using one that neighbour discovery finds
    // unreachable (RFC 4861 section 6.3.6).
    case RTM_NEWNEIGH:
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return ['routes'];
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return ['policyRules'];
    default:
      return NOTHING;
  }
}

/**
 * Which look-ups the event may change; null: any. A route through one link concerns only look-ups of that link, unless
 * it may be part of a split default, replaces another route (the kernel reports only the new one), refuses packets,
 * has several hops or a nexthop object, or is in another program's table.
 * @throws DecodeError
 */
export function dirtyAfter(message: Message): Dirty | null {
  const { type, payload } = message;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
    case RTM_NEWNEIGH:
      // At offset 4 of struct ifinfomsg, ifaddrmsg and ndmsg.
      return payload.length >= 8 ? ofLink(readU32(payload, 4)) : null;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return payload.length >= RTMSG_LENGTH ? afterRoute(message) : null;
    default:
      return null;
  }
}

/** Bytes of struct rtmsg. */
const RTMSG_LENGTH = 12;
/** The shortest prefix, apart from a default, that cannot be part of a split default. */
const SPECIFIC_LENGTH = 8;

const ofLink = (ifindex: number): Dirty => ({ ...CLEAN, links: new Set([ifindex]) });

function afterRoute({ flags, payload }: Message): Dirty | null {
  const [prefixLength, protocol, type] = [payload.readUInt8(1), payload.readUInt8(5), payload.readUInt8(7)];
  const attributes = new Attributes(payload.subarray(RTMSG_LENGTH));
  const table = attributes.u32(RTA_TABLE) ?? payload.readUInt8(4);
  const ifindex = attributes.u32(RTA_OIF);
  const links: ReadonlySet<number> = ifindex === undefined ? CLEAN.links : new Set([ifindex]);
  if (protocol === RTPROT_MULTIHOMED && table !== RT_TABLE_MAIN)
    return { ...CLEAN, links, tables: new Set([table]) };
  const isSimple =
    table === RT_TABLE_MAIN &&
    type === RTN_UNICAST &&
    (prefixLength === 0 || prefixLength >= SPECIFIC_LENGTH) &&
    !(flags & NLM_F_REPLACE) &&
    !attributes.has(RTA_MULTIPATH) &&
    !attributes.has(RTA_NH_ID);
  return isSimple && ifindex !== undefined ? { ...CLEAN, links } : null;
}

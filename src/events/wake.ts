/** Which parts an rtnetlink event makes stale. Events only wake: their content never becomes part of a snapshot. */
import { readU32 } from '../netlink/bytes.ts';
import { AF_UNSPEC } from '../netlink/ip.ts';
import type { Message } from '../netlink/message.ts';
import { RTM_DELADDR, RTM_NEWADDR } from '../netlink/route/address.ts';
import { RTM_DELLINK, RTM_NEWLINK } from '../netlink/route/link.ts';
import { RTM_NEWNEIGH } from '../netlink/route/neighbour.ts';
import { RTM_DELNEXTHOP, RTM_NEWNEXTHOP } from '../netlink/route/nexthop.ts';
import { RTM_DELRULE, RTM_NEWRULE } from '../netlink/route/policy-rule.ts';
import { RTM_DELROUTE, RTM_NEWROUTE } from '../netlink/route/route.ts';
import type { SnapshotPart } from '../snapshot/snapshot.ts';

const NOTHING: readonly SnapshotPart[] = [];

/** As the objects of ip(8) are called. */
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

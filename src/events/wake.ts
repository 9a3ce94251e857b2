/** What an rtnetlink event makes stale. Events only wake: nothing is ever learnt from what they carry. */
import { readU32 } from '../netlink/bytes.ts';
import { AF_UNSPEC } from '../netlink/ip.ts';
import type { Message } from '../netlink/message.ts';
import { RTM_DELADDR, RTM_NEWADDR } from '../netlink/route/address.ts';
import { RTM_DELLINK, RTM_NEWLINK } from '../netlink/route/link.ts';
import { RTM_NEWNEIGH } from '../netlink/route/neighbour.ts';
import { RTM_DELNEXTHOP, RTM_NEWNEXTHOP } from '../netlink/route/nexthop.ts';
import { RTM_DELRULE, RTM_NEWRULE } from '../netlink/route/policy-rule.ts';
import { RTM_DELROUTE, RTM_NEWROUTE } from '../netlink/route/route.ts';
import type { Part } from '../snapshot/snapshot.ts';

const NOTHING: readonly Part[] = [];

/** The link that a link's or an address's event is of: both headers have the index at 4. */
export function touchedBy(message: Message): number | null {
  const { type, payload } = message;
  const isLinks =
    type === RTM_NEWLINK || type === RTM_DELLINK || type === RTM_NEWADDR || type === RTM_DELADDR;
  return isLinks && payload.length >= 8 ? readU32(payload, 4) : null;
}

/**
 * Routes are stale after each of them: the kernel removes routes without a word when a link goes down, an IPv4
 * address goes or a nexthop object goes (ip monitor route shows nothing while `ip link set down` empties a table).
 */
export function staleAfter(message: Message): readonly Part[] {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      // A bridge port's own message, AF_BRIDGE, says nothing of the link.
      return message.payload.length > 0 && message.payload.readUInt8(0) !== AF_UNSPEC
        ? NOTHING
        : ['links', 'addresses', 'routes'];
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return ['addresses', 'routes'];
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
    // Of several IPv6 routers the kernel leaves one that neighbour discovery finds dead (RFC 4861, 6.3.6).
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

/** Every function that decodes what a kernel, or an attacker in its place, has sent. */
import { staleAfter } from '../../src/events/wake.ts';
import { Attributes, eachAttribute } from '../../src/netlink/attribute.ts';
import { decodeConnectionSocket, decodeSubflowSocket } from '../../src/netlink/diag.ts';
import { decodeError } from '../../src/netlink/error.ts';
import { decodeFamily, decodeGeneric } from '../../src/netlink/generic/family.ts';
import type { Message } from '../../src/netlink/message.ts';
import { decodeEndpoint } from '../../src/netlink/mptcp/endpoint.ts';
import { decodeMptcpEvent } from '../../src/netlink/mptcp/event.ts';
import { decodeLimits } from '../../src/netlink/mptcp/limits.ts';
import { decodeAddress } from '../../src/netlink/route/address.ts';
import { decodeLink } from '../../src/netlink/route/link.ts';
import { decodeNexthop } from '../../src/netlink/route/nexthop.ts';
import { decodePolicyRule } from '../../src/netlink/route/policy-rule.ts';
import { decodeRoute } from '../../src/netlink/route/route.ts';
import { decodeLinkStats } from '../../src/netlink/route/stats.ts';

export const DECODERS: Readonly<Record<string, (message: Message) => unknown>> = {
  link: decodeLink,
  address: decodeAddress,
  route: decodeRoute,
  'route as used': (message) => decodeRoute(message, { cached: true }),
  'link counters': decodeLinkStats,
  nexthop: decodeNexthop,
  'policy rule': decodePolicyRule,
  'generic message': decodeGeneric,
  family: decodeFamily,
  endpoint: decodeEndpoint,
  limits: decodeLimits,
  'MPTCP event': decodeMptcpEvent,
  'subflow socket': decodeSubflowSocket,
  'connection socket': decodeConnectionSocket,
  error: (message) => decodeError(message, 'x', message.payload),
  wake: staleAfter,
  attributes: ({ payload }) => {
    const attributes = new Attributes(payload);
    return eachAttribute(payload).map(([type]) => [attributes.string(type), attributes.has(type)]);
  },
};

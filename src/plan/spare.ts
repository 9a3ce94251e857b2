/**
 * TCP sockets that were open before a split tunnel came up, subflows above all. They continue on their link, as they do
 * without multihomed, although the guard refuses new ones: the kernel looks the route up again for each packet.
 */
import { hostBits, inNetwork } from '../netlink/ip.ts';
import {
  FR_ACT_TO_TBL,
  tcpSelectors,
  type NewPolicyRule,
  type PolicyRule,
} from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import type { BoundSocket, Snapshot } from '../snapshot/snapshot.ts';
import type { Candidate } from './candidate.ts';
import type { TunnelNetwork } from './guard.ts';

type Spared = Pick<Candidate, 'family' | 'address' | 'table'>;

/** Maximum number of rules for one address: the kernel checks each of them for each packet from the address. */
const MAX_SPARED = 64;

/**
 * One rule for each such socket, into the address's own table. A connection that began inside the tunnel has none.
 * While it is not known which sockets are open, the rules stay as they are.
 * @param networks those of split tunnels
 * @param priority before the guard's
 */
export function sparingRules(
  { family, address: { address, ifindex }, table }: Spared,
  networks: readonly TunnelNetwork[],
  snapshot: Snapshot,
  /** The policy rules from the address that are in place. */
  placed: readonly PolicyRule[],
  priority: number,
): readonly NewPolicyRule[] {
  const rule = {
    ...{ family, source: address, sourceLength: hostBits(family), priority, table: table! },
    ...{ suppressPrefixLength: null, protocol: RTPROT_MULTIHOMED },
  };
  const { boundSockets } = snapshot;
  if (!boundSockets)
    return placed
      .filter((each) => isSparing(each, priority))
      .map(({ table: into, selectors }) => ({ ...rule, table: into, ...(selectors ? { selectors } : {}) }));
  const inner = innerAddresses(snapshot);
  const isSpared = (each: BoundSocket): boolean =>
    each.ifindex === ifindex &&
    each.address === address &&
    !each.locals.some((local) => inner.has(local)) &&
    networks.some(({ destination, prefixLength }) => inNetwork(each.remote, destination, prefixLength));
  return boundSockets
    .filter(isSpared)
    .sort((a, b) => a.port - b.port)
    .slice(0, MAX_SPARED)
    .map(({ remote, port }) => ({
      ...rule,
      selectors: tcpSelectors({ destination: remote, prefixLength: hostBits(family) }, port),
    }));
}

/** Whether a rule of multihomed spares a socket. */
export const isSparing = ({ protocol, priority, action, selectors }: PolicyRule, expected: number): boolean =>
  protocol === RTPROT_MULTIHOMED &&
  priority === expected &&
  action === FR_ACT_TO_TBL &&
  selectors !== undefined;

/** Addresses of the links to which the networks of split tunnels lead. */
function innerAddresses({ tunnelRoutes, addresses }: Snapshot): ReadonlySet<string> {
  const links = new Set(tunnelRoutes.flatMap(({ hops }) => hops.map(({ ifindex }) => ifindex)));
  return new Set(addresses.filter(({ ifindex }) => links.has(ifindex)).map(({ address }) => address));
}

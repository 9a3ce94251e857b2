/**
 * Split tunnels: a connection that began inside one must get no subflow outside it. The kernel binds a subflow to its
 * link, and a bound look-up skips main's route through the tunnel. So TCP to the tunnel's networks is refused where
 * the link's own default route would take it.
 */
import { addressRange, hostBits, type Family } from '../netlink/ip.ts';
import {
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  tcpSelectors,
  type NewPolicyRule,
} from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { RTN_BROADCAST, RT_TABLE_MAIN, type NewRoute, type Route } from '../netlink/route/route.ts';
import { foreignRules } from '../snapshot/host-route.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import { guardTable } from './own-table.ts';

interface Guarded {
  readonly family: Family;
  readonly address: string;
  readonly ifindex: number;
}

/** Maximum number of IPv6 rules, one per network: the kernel checks each of them for each packet from the address. */
const MAX_IPV6 = 256;

/**
 * Routes and policy rules that refuse TCP from an address to the networks of split tunnels.
 * IPv4: a `broadcast` route on the link, to which connect(2) answers ENETUNREACH. With an error route or rule
 * instead, the kernel would take the destination for on-link and send ARP requests for it.
 * IPv6: a rule, because a look-up that is bound to a link skips error routes, which are routes through the loopback.
 * `priority`: after the rules that find more specific routes of the link, before the rule for its default route.
 */
export function guardOf(
  { family, address, ifindex }: Guarded,
  snapshot: Snapshot,
  priority: number,
): { readonly routes: readonly NewRoute[]; readonly policyRules: readonly NewPolicyRule[] } {
  const networks = networksOf(family, snapshot);
  if (networks.length === 0) return { routes: [], policyRules: [] };
  const table = guardTable(ifindex);
  const rule = {
    ...{ family, source: address, sourceLength: hostBits(family), priority },
    ...{ suppressPrefixLength: null, protocol: RTPROT_MULTIHOMED },
  };
  if (family === 'ipv4')
    return {
      routes: networks.map((network) => ({
        ...{ family, ...network, table, protocol: RTPROT_MULTIHOMED, type: RTN_BROADCAST, metrics: null },
        hop: { ifindex, gateway: null, onlink: false },
      })),
      policyRules: [{ ...rule, table, selectors: tcpSelectors(null) }],
    };
  return {
    routes: [],
    policyRules: networks.slice(0, MAX_IPV6).map((network) => ({
      ...{ ...rule, table: 0, action: FR_ACT_UNREACHABLE },
      selectors: tcpSelectors(network),
    })),
  };
}

export type TunnelNetwork = { readonly destination: string; readonly prefixLength: number };

const known = new WeakMap<readonly Route[], Readonly<Record<Family, readonly TunnelNetwork[]>>>();

/** Networks that the host routes through tunnels, in main and in tables of its rules without a source; each once. */
export function networksOf(family: Family, snapshot: Snapshot): readonly TunnelNetwork[] {
  const before = known.get(snapshot.tunnelRoutes);
  if (before) return before[family];
  const found = { ipv4: readNetworks('ipv4', snapshot), ipv6: readNetworks('ipv6', snapshot) };
  known.set(snapshot.tunnelRoutes, found);
  return found[family];
}

function readNetworks(family: Family, { tunnelRoutes, policyRules }: Snapshot): readonly TunnelNetwork[] {
  if (tunnelRoutes.length === 0) return [];
  const tables = new Set([RT_TABLE_MAIN]);
  for (const { source, action, table } of foreignRules(policyRules, family))
    if (source === null && action === FR_ACT_TO_TBL) tables.add(table);
  const networks = new Map<string, TunnelNetwork>();
  for (const { destination, prefixLength, table, ...route } of tunnelRoutes) {
    if (route.family !== family || destination === null || !tables.has(table)) continue;
    if (['linkLocal', 'multicast'].includes(addressRange(destination))) continue;
    networks.set(`${destination}/${prefixLength}`, { destination, prefixLength });
  }
  return [...networks.values()];
}

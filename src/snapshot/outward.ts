/**
 * Reads the parts of a snapshot that belong to no uplink: full tunnels, routes for half of all addresses, tunnels'
 * routes.
 */
import type { Requester } from '../netlink/connection.ts';
import { addressFamily, FAMILIES, unmapIPv4, type Family } from '../netlink/ip.ts';
import { askedOnce } from '../netlink/route/fib.ts';
import { mayHaveHalves } from './halves.ts';
import { findHostEgress, isTunnel, readTunnelRoutes, type HostEgress } from './host-egress.ts';
import type { HostRoutes } from './host-route.ts';
import type { KernelObjects, LookupRequest, Snapshot } from './snapshot.ts';

/**
 * Families without an uplink and without an endpoint are not looked up.
 * @throws NetlinkError, DecodeError
 */
export async function readOutward(
  requester: Requester,
  hosts: HostRoutes,
  { links, endpoints }: KernelObjects,
  requests: readonly LookupRequest[],
): Promise<Pick<Snapshot, 'egress' | 'halves' | 'tunnelRoutes'>> {
  const families = FAMILIES.filter(
    (family) =>
      requests.some((request) => request.family === family) ||
      endpoints.some(({ address }) => addressFamily(unmapIPv4(address)) === family),
  );
  const uplinks = new Set(requests.map(({ ifindex }) => ifindex));
  const tunnels = [...links.values()].filter(
    (link) => link.usable && isTunnel(link) && !uplinks.has(link.index),
  );
  const fib = askedOnce(requester);
  const ask = async (family: Family): Promise<{ egress: HostEgress | null; halves: boolean }> => {
    if (!families.includes(family)) return { egress: null, halves: true };
    const egress = await findHostEgress(fib, family, hosts);
    return { egress, halves: await mayHaveHalves(fib, family, egress) };
  };
  const [ipv4, ipv6, tunnelRoutes] = await Promise.all([
    ask('ipv4'),
    ask('ipv6'),
    readTunnelRoutes(requester, families, tunnels),
  ]);
  return {
    egress: { ipv4: ipv4.egress, ipv6: ipv6.egress },
    halves: { ipv4: ipv4.halves, ipv6: ipv6.halves },
    tunnelRoutes,
  };
}

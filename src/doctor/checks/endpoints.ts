/** Checks for endpoints that neither multihomed nor the kernel manages. */
import { mappedOf } from '../../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, MPTCP_PM_ADDR_FLAG_SIGNAL } from '../../netlink/mptcp/endpoint.ts';
import { isOwned } from '../../plan/assess.ts';
import { flagNames } from '../../plan/flags.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

/** Endpoints on the address of an uplink are left out, because the finding for the uplink covers them. */
export function checkEndpoints({ view }: Facts): Finding[] {
  if (!view) return [];
  const { snapshot, plan, memory } = view;
  const uplinks = new Set(
    plan.uplinks.filter(({ state }) => state === 'conflict').map(({ address }) => address),
  );
  const local = new Set(snapshot.addresses.map(({ address }) => address));
  return snapshot.endpoints
    .filter((endpoint) => !isOwned(memory, endpoint) && !(endpoint.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT))
    .filter((endpoint) => !uplinks.has(mappedOf(endpoint.address)))
    .map((endpoint) => {
      const { id, address, flags } = endpoint;
      const named = `Endpoint ${id} (${address}, ${flagNames(flags).join(' ') || 'no flags'})`;
      const remove = [{ argv: ['ip', 'mptcp', 'endpoint', 'delete', 'id', `${id}`] }];
      // An announced address may be the outer address of a NAT router in front of this host.
      if (local.has(mappedOf(address)) || flags & MPTCP_PM_ADDR_FLAG_SIGNAL)
        return finding('note', `endpoint:${id}`, `${named} was made by another program; it takes one slot.`);
      return finding(
        'warning',
        `endpoint:${id}`,
        `${named} was made by another program, and this host has no such address: it takes a slot for nothing.`,
        remove,
      );
    });
}

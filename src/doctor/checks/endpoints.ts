/** Checks for endpoints that neither multihomed nor the kernel manages. */
import { isOwned } from '../../actions/ownership.ts';
import { unmapIPv4 } from '../../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, MPTCP_PM_ADDR_FLAG_SIGNAL } from '../../netlink/mptcp/endpoint.ts';
import { flagNames } from '../../netlink/mptcp/flags.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

/** Endpoints on the address of an uplink are left out, because the finding for the uplink covers them. */
export function checkEndpoints({ view }: Facts): Finding[] {
  if (!view) return [];
  const { snapshot, plan, state } = view;
  const uplinks = new Set(
    plan.uplinks.filter(({ state }) => state === 'conflict').map(({ address }) => address),
  );
  const local = new Set(snapshot.addresses.map(({ address }) => address));
  return snapshot.endpoints
    .filter((endpoint) => !isOwned(state, endpoint) && !(endpoint.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT))
    .filter((endpoint) => !uplinks.has(unmapIPv4(endpoint.address)))
    .map((endpoint) => {
      const { id, address, flags } = endpoint;
      const named = `Endpoint ${id} (${address}, ${flagNames(flags).join(' ') || 'no flags'})`;
      const remove = [{ argv: ['ip', 'mptcp', 'endpoint', 'delete', 'id', `${id}`] }];
      // An announced address may be the outer address of a NAT router in front of this host.
      if (local.has(unmapIPv4(address)) || flags & MPTCP_PM_ADDR_FLAG_SIGNAL)
        return finding('note', `endpoint:${id}`, `${named} was added by another program and uses one slot.`);
      return finding(
        'warning',
        `endpoint:${id}`,
        `${named} was added by another program, but this host does not have the address: it uses a slot without effect.`,
        remove,
      );
    });
}

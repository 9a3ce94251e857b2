/**
 * What others keep removing. All of it stays wanted and is put back; but what is missing every few seconds is no path
 * to count on, so the uplink is told as one in conflict, with the line of configuration that ends it.
 */
import { endpointObject, policyRuleObject, routeObject } from './action.ts';
import type { Entry } from './entry.ts';
import type { Memory } from './memory.ts';

/** Who is known to remove routes and policy rules that are not his, and how he is told not to. */
export const LEAVE_ROUTING =
  'if that is systemd-networkd, set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in networkd.conf';

/** Who is known to make endpoints, and to take others' for them. */
export const LEAVE_ENDPOINTS =
  'if that is NetworkManager, set connection.mptcp-flags=1; if mptcpd, "systemctl disable --now mptcp.service"';

/** In words; null: nobody removes what is its. */
export function contest({ candidate, routing, verdict }: Entry, { contested }: Memory): string | null {
  if (contested.size === 0) return null;
  if (verdict && verdict.state !== 'active' && verdict.state !== 'verified') return null;
  const taken = [
    ...(routing?.routes.some((route) => contested.has(routeObject(route))) ? ['routes'] : []),
    ...(routing?.policyRules.some((rule) => contested.has(policyRuleObject(rule))) ? ['policy rules'] : []),
  ].join(' and ');
  if (taken) return `another program keeps removing its ${taken}; ${LEAVE_ROUTING}`;
  const { address, selected } = candidate;
  return contested.has(endpointObject({ address: address.address, ifindex: selected.link.index }))
    ? `another program keeps removing its endpoint; ${LEAVE_ENDPOINTS}`
    : null;
}

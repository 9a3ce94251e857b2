/**
 * Objects that another program keeps removing. They stay wanted and are put back; but a path that is missing every
 * few seconds is not reliable, so its uplink is reported as `conflict`, with the setting that stops the removal.
 */
import { endpointObject, policyRuleObject, routeObject } from '../actions/action.ts';
import type { Evaluation } from './evaluate.ts';
import type { State } from '../actions/state.ts';

/** The program known to remove routes and policy rules of other programs, and the setting that stops it. */
export const LEAVE_ROUTING =
  'if that is systemd-networkd, set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in networkd.conf';

/**
 * Programs known to make MPTCP endpoints and to treat those of other programs as
 * their own, and the setting against each.
 */
export const LEAVE_ENDPOINTS =
  'if that is NetworkManager, set connection.mptcp-flags=1; if mptcpd, "systemctl disable --now mptcp.service"';

/** @returns the reason of the conflict; null: no other program keeps removing objects of this uplink */
export function removalConflict(
  { candidate, routing, verdict }: Evaluation,
  { contested }: State,
): string | null {
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

/**
 * Objects that another program keeps removing. They are added again each time; but a path that is missing every few
 * seconds is not reliable, so its uplink is reported as `conflict`.
 */
import { endpointObject, policyRuleObject, routeObject } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import type { Evaluation } from './evaluation.ts';
import type { Reason, RemovedObject } from './reason.ts';

/** @returns null: no other program keeps removing objects of this uplink */
export function removalConflict(
  { candidate, routing, verdict }: Evaluation,
  { contested }: State,
): Reason | null {
  if (contested.size === 0) return null;
  if (verdict && verdict.state !== 'active' && verdict.state !== 'verified') return null;
  const objects: RemovedObject[] = [];
  if (routing?.routes.some((route) => contested.has(routeObject(route)))) objects.push('routes');
  if (routing?.policyRules.some((rule) => contested.has(policyRuleObject(rule))))
    objects.push('policy rules');
  if (objects.length > 0) return { code: 'objects-removed', objects };
  const { address, selected } = candidate;
  return contested.has(endpointObject({ address: address.address, ifindex: selected.link.index }))
    ? { code: 'objects-removed', objects: ['endpoint'] }
    : null;
}

/** The steps that an address passes on its way to an active uplink, with the evidence for each. */
import { objectText } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import { policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import type { Link } from '../netlink/route/link.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { additions } from '../plan/difference.ts';
import type { Evaluation } from '../plan/evaluation.ts';
import { hostRuleReason } from '../plan/host-rule.ts';
import { carrierReason, isTunnelReason, type Reason } from '../plan/reason.ts';
import type { Routing } from '../plan/routing.ts';
import { tunnelReason } from '../plan/tunnel.ts';
import type { Egress, Snapshot } from '../snapshot/snapshot.ts';
import { counted } from './count.ts';
import { reasonText } from './reason.ts';

export interface ExplainedStep {
  readonly name: string;
  /** `passed`, `stopped` at this step, or `ahead`: not reached yet. */
  readonly state: 'passed' | 'stopped' | 'ahead';
  readonly evidence: string;
}

export function addressSteps(
  evaluation: Evaluation,
  link: Link,
  snapshot: Snapshot,
  state: State,
): ExplainedStep[] {
  const { exclusion, address } = evaluation.candidate;
  return [
    linkStep(link),
    {
      name: 'address',
      state: stoppedIf(exclusion !== null),
      evidence: exclusion
        ? reasonText(exclusion.reason)
        : `${address.address}/${address.prefixLength}, usable`,
    },
    ...tunnelSteps(evaluation),
    defaultRouteStep(evaluation, link, snapshot),
    addressFreeStep(evaluation),
    routingStep(evaluation, snapshot),
    pathStep(evaluation, snapshot),
    slotStep(evaluation, snapshot, state),
    endpointStep(evaluation),
  ];
}

/** The first step of every uplink. */
export const linkStep = (link: Link): ExplainedStep => ({
  name: 'link',
  state: stoppedIf(!link.usable),
  evidence: link.usable ? 'up, running, with carrier' : reasonText(carrierReason(link.flags)),
});

const stoppedIf = (condition: boolean): ExplainedStep['state'] => (condition ? 'stopped' : 'passed');

function tunnelSteps({ candidate, verdict }: Evaluation): ExplainedStep[] {
  const { tunnel } = candidate;
  if (!tunnel) return [];
  const isBlocked = isTunnelReason(verdict?.reason);
  const why = isBlocked
    ? ''
    : candidate.selected.rule.tunnel === 'bypass'
      ? '; the rule says "tunnel: bypass"'
      : '; a policy rule of the host is for this address';
  const evidence = `${reasonText(tunnelReason(tunnel))}${why}`;
  return [{ name: 'tunnel', state: stoppedIf(isBlocked), evidence }];
}

function defaultRouteStep({ candidate }: Evaluation, link: Link, snapshot: Snapshot): ExplainedStep {
  const { lookup, hostRule, family, selected } = candidate;
  const name = 'default route';
  if (hostRule && !hostRule.leadsHere)
    return { name, state: 'stopped', evidence: reasonText(hostRuleReason(hostRule, family, snapshot)) };
  const found = lookup?.default;
  if (found) {
    const gateway = found.hop.gateway ? `via ${found.hop.gateway}` : 'without a gateway';
    const evidence = `${gateway} dev ${link.name}, metric ${found.route.metric}, table ${tableName(found.route.table)}`;
    return { name, state: 'passed', evidence };
  }
  if (!selected.rule.checkRoute) return { name, state: 'passed', evidence: 'none, but check-route is off' };
  const missing = lookup?.missing ?? null;
  const reason: Reason = { code: 'no-default-route', interface: link.name, missing };
  return { name, state: 'stopped', evidence: reasonText(reason) };
}

function addressFreeStep({ verdict }: Evaluation): ExplainedStep {
  const isTaken = verdict?.state === 'conflict' && !verdict.routed && !isTunnelReason(verdict.reason);
  const evidence = isTaken ? reasonText(verdict.reason) : 'no other endpoint and no other link has it';
  return { name: 'address free', state: stoppedIf(isTaken), evidence };
}

function routingStep({ candidate, routing }: Evaluation, snapshot: Snapshot): ExplainedStep {
  const { table, hostRule } = candidate;
  const name = 'routes and policy rules';
  if (hostRule) {
    const { rule } = hostRule;
    const used = `policy rule ${rule.priority} (${policyRuleWords(rule)}) is used`;
    const [past] = routing?.policyRules ?? [];
    const evidence = past
      ? `${used}, past the tunnel by policy rule ${past.priority}`
      : `${used}, so none are added`;
    return { name, state: 'passed', evidence };
  }
  if (table === null) return { name, state: 'passed', evidence: 'routing: main, so none are added' };
  const missing = routing ? missingObjects(routing, snapshot) : '';
  return { name, state: stoppedIf(missing !== ''), evidence: missing || `in place, in table ${table}` };
}

function missingObjects(routing: Routing, snapshot: Snapshot): string {
  const missing = additions(routing, snapshot).map(objectText);
  return missing.length === 0 ? '' : `missing: ${missing.join('; ')}`;
}

function pathStep({ candidate, verdict }: Evaluation, snapshot: Snapshot): ExplainedStep {
  const { lookup } = candidate;
  const state = verdict?.state;
  const isSettled = state === 'active' || state === 'verified' || state === 'no free slot';
  const evidence = lookup
    ? `bound: ${egressText(lookup.bound, snapshot)}; unbound: ${egressText(lookup.unbound, snapshot)}`
    : 'not looked up';
  return { name: 'path', state: stoppedIf(!isSettled), evidence };
}

function slotStep({ verdict }: Evaluation, { endpoints }: Snapshot, { slots }: State): ExplainedStep {
  const most = Number.isFinite(slots) ? `, at most ${slots}` : '';
  const evidence = `${counted(endpoints.length, 'endpoint')} in place${most}`;
  return { name: 'slot', state: stoppedIf(verdict?.state === 'no free slot'), evidence };
}

function endpointStep({ endpoint }: Evaluation): ExplainedStep {
  const evidence = endpoint ? `id ${endpoint.id}, ${flagNames(endpoint.flags).join(' ')}` : 'none';
  return { name: 'endpoint', state: stoppedIf(!endpoint), evidence };
}

const tableName = (table: number): string => (table === RT_TABLE_MAIN ? 'main' : `${table}`);

function egressText(egress: Egress, { links }: Snapshot): string {
  if (egress.kind === 'none') return `no route (${egress.error.code})`;
  if (egress.kind === 'specific') return 'a more specific route (split default)';
  const devices = egress.ifindex.map((index) => links.get(index)?.name ?? `if${index}`).join(', ');
  const gateway = egress.gateway ? ` via ${egress.gateway}` : '';
  return `through ${devices}${gateway}, table ${tableName(egress.table)}`;
}

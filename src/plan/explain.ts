/**
 * Explains each uplink step by step. The evidence is the plan's own data, so that explanation and plan cannot differ.
 */
import { findLink, type Link } from '../netlink/route/link.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { matchRule } from '../rules/match.ts';
import { quoteWord, quoteWords } from '../system/shell-quote.ts';
import type { Configuration, Rule } from '../rules/rule.ts';
import type { Snapshot, Egress } from '../snapshot/snapshot.ts';
import { actionText } from '../actions/action.ts';
import { carrierReason } from './assess.ts';
import { removalConflict } from './conflict.ts';
import { additions } from './difference.ts';
import type { Evaluation } from './evaluate.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import { hostRuleReason, hostRuleRemedy } from './host-rule.ts';
import { joinsText } from './joins.ts';
import { policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import { linkNames } from './select.ts';
import { spareMetric } from './spare-metric.ts';
import type { State } from '../actions/state.ts';
import type { Plan } from './plan.ts';
import { tunnelReason } from './tunnel.ts';
import type { Uplink } from './uplink.ts';

export interface ExplainedStep {
  readonly name: string;
  /** `passed`, `stopped` at this step, or `ahead`: not reached yet. */
  readonly state: 'passed' | 'stopped' | 'ahead';
  readonly evidence: string;
}

export interface ExplainedUplink {
  readonly address: string | null;
  readonly state: string;
  readonly reason: string;
  readonly steps: readonly ExplainedStep[];
  /** What to do next; null: nothing. */
  readonly advice: string | null;
}

export interface Explanation {
  readonly interface: string;
  /** In the order of the file: the rules that do not match, each with the reason, then the rule that does. */
  readonly rules: readonly {
    readonly glob: string;
    readonly place: string;
    readonly matches: boolean;
    readonly why: string;
  }[];
  readonly uplinks: readonly ExplainedUplink[];
  readonly advice: string | null;
}

/** @returns null: there is no such interface */
export function explain(
  name: string,
  planned: Plan,
  snapshot: Snapshot,
  configuration: Configuration,
  state: State,
): Explanation | null {
  const link = findLink(snapshot.links.values(), name);
  if (!link) return null;
  const rules = explainRules(link, snapshot, configuration);
  const uplinks = planned.uplinks
    .filter((uplink) => uplink.ifindex === link.index)
    .map((uplink) => explainUplink(uplink, link, planned, snapshot, state));
  const matched = rules.some((rule) => rule.matches);
  return { interface: link.name, rules, uplinks, advice: matched ? null : unmatched(link) };
}

function explainRules(link: Link, snapshot: Snapshot, { rules }: Configuration): Explanation['rules'] {
  const { rule, tried } = matchRule(rules, linkNames(link, snapshot));
  const row = (each: Rule, matches: boolean, why: string) => ({
    glob: each.glob,
    place: `${each.origin.file}:${each.origin.line}`,
    matches,
    why,
  });
  const above = tried.map((each) => row(each.rule, false, each.why));
  return rule ? [...above, row(rule, true, rule.ignore ? 'ignore' : rule.flags.join(' '))] : above;
}

function unmatched(link: Link): string {
  const where = '/etc/multihomed/config.yaml';
  if (link.loopback) return 'loopback is used only by a rule that names it and says "link-local: true"';
  return `no rule matches: add one to ${where}, for example  ${JSON.stringify(link.name)}: subflow`;
}

function explainUplink(
  uplink: Uplink,
  link: Link,
  planned: Plan,
  snapshot: Snapshot,
  state: State,
): ExplainedUplink {
  const evaluation = planned.evaluations.find(
    (each) => `${each.candidate.selected.link.index}/${each.candidate.address.address}` === uplink.key,
  );
  const { address, reason } = uplink;
  const steps = evaluation ? addressSteps(evaluation, link, snapshot, state) : [linkStep(link)];
  const advice = advise(uplink, link, evaluation, snapshot, state);
  return { address, state: uplink.state, reason, steps: [...afterStop(steps), ...joinsStep(uplink)], advice };
}

function joinsStep({ joins }: Uplink): ExplainedStep[] {
  const evidence = joins && joinsText(joins);
  return evidence ? [{ name: 'joins', state: 'stopped', evidence }] : [];
}

const linkStep = (link: Link): ExplainedStep => ({
  name: 'link',
  state: link.usable ? 'passed' : 'stopped',
  evidence: link.usable ? 'up, running, with carrier' : carrierReason(link.flags),
});

function addressSteps(evaluation: Evaluation, link: Link, snapshot: Snapshot, state: State): ExplainedStep[] {
  const { candidate, routing, verdict, endpoint } = evaluation;
  const { lookup, out, address, hostRule } = candidate;
  const ruledOut = hostRule !== null && !hostRule.leadsHere;
  const stopped = (when: boolean): ExplainedStep['state'] => (when ? 'stopped' : 'passed');
  const found = lookup?.default ?? null;
  const missing = routing ? missingText(routing, snapshot) : '';
  const checked = candidate.selected.rule.checkRoute;
  const settled =
    verdict?.state === 'active' || verdict?.state === 'verified' || verdict?.state === 'no free slot';
  return [
    linkStep(link),
    {
      name: 'address',
      state: stopped(out !== null),
      evidence: out?.reason ?? `${address.address}/${address.prefixLength}, usable`,
    },
    ...tunnelSteps(evaluation),
    {
      name: 'default route',
      state: stopped(ruledOut || (!found && checked)),
      evidence: ruledOut
        ? hostRuleReason(hostRule, candidate.family, snapshot)
        : found
          ? `${found.hop.gateway ? `via ${found.hop.gateway}` : 'without a gateway'} dev ${link.name}, metric ${found.route.metric}, table ${tableName(found.route.table)}`
          : checked
            ? `none through ${link.name}: ${lookup?.why ?? 'the kernel was not asked'}`
            : 'none, and check-route is off',
    },
    {
      name: 'address free',
      state: stopped(verdict?.state === 'conflict' && !verdict.routed && !verdict.tunnel),
      evidence:
        verdict?.state === 'conflict' && !verdict.routed && !verdict.tunnel
          ? verdict.reason
          : 'no other endpoint and no other link has it',
    },
    candidate.table === null || hostRule
      ? {
          name: 'routes and policy rules',
          state: 'passed',
          evidence: hostRule
            ? `policy rule ${hostRule.rule.priority} (${policyRuleWords(hostRule.rule)}) is used, none are made`
            : 'routing: main, none are made',
        }
      : {
          name: 'routes and policy rules',
          state: stopped(missing !== ''),
          evidence: missing === '' ? `stand in table ${candidate.table}` : missing,
        },
    {
      name: 'path',
      state: stopped(!settled),
      evidence: lookup
        ? `bound: ${wayText(lookup.bound, snapshot)}; unbound: ${wayText(lookup.unbound, snapshot)}`
        : 'not asked',
    },
    {
      name: 'slot',
      state: stopped(verdict?.state === 'no free slot'),
      evidence: `${snapshot.endpoints.length} endpoints stand${Number.isFinite(state.slots) ? ` of ${state.slots}` : ''}`,
    },
    {
      name: 'endpoint',
      state: endpoint ? 'passed' : 'stopped',
      evidence: endpoint ? `id ${endpoint.id}, ${flagNames(endpoint.flags).join(' ')}` : 'none',
    },
  ];
}

function tunnelSteps({ candidate, verdict }: Evaluation): ExplainedStep[] {
  const { tunnel } = candidate;
  if (!tunnel) return [];
  const why = verdict?.tunnel
    ? ''
    : candidate.selected.rule.tunnel === 'bypass'
      ? '; the rule says "tunnel: bypass"'
      : '; a policy rule of the host is for this address';
  const state = verdict?.tunnel ? 'stopped' : 'passed';
  return [{ name: 'tunnel', state, evidence: `${tunnelReason(tunnel)}${why}` }];
}

/** Steps after the first stop were not reached. */
function afterStop(steps: readonly ExplainedStep[]): ExplainedStep[] {
  const stop = steps.findIndex((step) => step.state === 'stopped');
  return steps.map((step, at) =>
    stop !== -1 && at > stop ? { ...step, state: 'ahead', evidence: '' } : step,
  );
}

function missingText(routing: NonNullable<Evaluation['routing']>, snapshot: Snapshot): string {
  const missing = additions(routing, snapshot).map((action) =>
    actionText(action).replace(/ (add|append)/, ''),
  );
  return missing.length === 0 ? '' : `missing: ${missing.join('; ')}`;
}

const tableName = (table: number): string => (table === RT_TABLE_MAIN ? 'main' : `${table}`);

function wayText(egress: Egress, snapshot: Snapshot): string {
  if (egress.kind === 'none') return `the kernel answers ${egress.error.code}`;
  if (egress.kind === 'specific') return 'a more specific route (split default) keeps its traffic';
  const devices = egress.ifindex.map((index) => snapshot.links.get(index)?.name ?? `if${index}`).join(', ');
  return `by ${devices}${egress.gateway ? ` via ${egress.gateway}` : ''}, table ${tableName(egress.table)}`;
}

function advise(
  uplink: Uplink,
  link: Link,
  evaluation: Evaluation | undefined,
  snapshot: Snapshot,
  state: State,
): string | null {
  const family = uplink.family === 'ipv6' ? ' -6' : '';
  const device = quoteWord(link.name);
  // For a lingering endpoint, advise on what ended its path.
  const blocked = uplink.state === 'lingering' ? (evaluation?.verdict?.state ?? uplink.state) : uplink.state;
  switch (blocked) {
    case 'no carrier':
      return link.flags & 1 ? 'plug the cable in, or join the network' : `ip link set ${device} up`;
    case 'no address':
      return `give ${link.name} an address: by DHCP, or  ip address add ADDRESS/PREFIX dev ${device}`;
    case 'no default route':
      return `add one:  ip${family} route add default via GATEWAY dev ${device} metric ${spareMetric(snapshot)}`;
    case 'no free slot':
      return 'ip mptcp endpoint show  lists who has the slots; the first that is deleted is taken';
    case 'conflict':
      if (evaluation && removalConflict(evaluation, state) !== null)
        return 'multihomed doctor  looks for the programs that may do it';
      if (evaluation?.verdict?.tunnel)
        return `no connection is to leave beside the tunnel: the path is used again when it is down; "tunnel: bypass" in the rule uses it all the same`;
      if (evaluation?.candidate.hostRule) return adviseOnHostRule(evaluation, link, snapshot);
      // Only the administrator can know which of the two links should have the address.
      if (evaluation?.verdict?.holder !== undefined)
        return `"ip address show" lists both; this link is used once its network gives it another address`;
      return evaluation?.verdict?.routed
        ? `ip${family} rule show  lists it; that rule decides before ours, and "multihomed doctor" knows whether it may come behind them`
        : '"multihomed doctor" looks for the program that made it; where another uplink uses the table, give this rule another one';
    case 'failed':
      return evaluation?.candidate.table && uplink.reason?.includes('EEXIST')
        ? `ip${family} route show table ${evaluation.candidate.table}  lists the route that has its place; give the rule another table`
        : null;
    case 'verified':
      if (state.paused) return 'resume with:  multihomed reload';
      return 'a running daemon makes what is missing next';
    case 'tentative':
      return 'wait for duplicate address detection: a second or two';
    default:
      return null;
  }
}

/** The administrator's rule takes precedence: this advice never makes an address less reachable. */
function adviseOnHostRule({ candidate }: Evaluation, link: Link, snapshot: Snapshot): string {
  const remedy = hostRuleRemedy(candidate, snapshot);
  return remedy
    ? `that rule decides; without it the address leaves by ${link.name}:  ${quoteWords(remedy)}`
    : `that rule decides: "ip${candidate.family === 'ipv6' ? ' -6' : ''} rule show" lists it; a rule that says ignore for ${link.name} ends this message`;
}

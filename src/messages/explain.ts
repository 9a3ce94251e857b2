/**
 * Explains each uplink step by step. The evidence is the plan's own data, so that explanation and plan cannot differ.
 */
import type { State } from '../actions/state.ts';
import { findLink, type Link } from '../netlink/route/link.ts';
import { removalConflict } from '../plan/conflict.ts';
import type { Plan } from '../plan/plan.ts';
import { coded, type Details, type Reason, type Stay } from '../plan/reason.ts';
import { linkNames } from '../plan/select.ts';
import type { Uplink } from '../plan/uplink.ts';
import { matchRule } from '../rules/match.ts';
import type { Configuration, Rule } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Remedy } from '../system/shell-quote.ts';
import { advise } from './advice.ts';
import { joinsText, misroutedText, subflowCounts, uplinkReason } from './reason.ts';
import { addressSteps, linkStep, type ExplainedStep } from './steps.ts';

export interface ExplainedUplink {
  readonly address: string | null;
  readonly state: string;
  /** In words. */
  readonly reason: string;
  /** As in src/plan/reason.ts, with its fields in `details`. */
  readonly code: Reason['code'];
  readonly details: Details;
  /** Only for a lingering uplink. */
  readonly stays: Stay | null;
  readonly steps: readonly ExplainedStep[];
  /** What to do next, in words, without the commands of `remedy`; null: nothing. */
  readonly advice: string | null;
  /** The commands that do it; null: there are none that can be pasted unchanged. */
  readonly remedy: Remedy | null;
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

/** The input of an explanation. */
export interface ExplainSource {
  readonly plan: Plan;
  readonly snapshot: Snapshot;
  readonly configuration: Configuration;
  readonly state: State;
}

/** @returns null: there is no such interface */
export function explain(name: string, source: ExplainSource): Explanation | null {
  const link = findLink(source.snapshot.links.values(), name);
  if (!link) return null;
  const rules = explainRules(link, source.snapshot, source.configuration);
  const uplinks = source.plan.uplinks
    .filter((uplink) => uplink.ifindex === link.index)
    .map((uplink) => explainUplink(uplink, link, source));
  const matched = rules.some((rule) => rule.matches);
  return { interface: link.name, rules, uplinks, advice: matched ? null : unmatched(link) };
}

function explainRules(link: Link, snapshot: Snapshot, { rules }: Configuration): Explanation['rules'] {
  const { rule, tried } = matchRule(rules, linkNames(link, snapshot));
  const named = ({ glob, origin }: Rule) => ({ glob, place: `${origin.file}:${origin.line}` });
  const above = tried.map((each) => ({ ...named(each.rule), matches: false, why: each.why }));
  const why = rule?.ignore ? 'ignore' : rule?.flags.join(' ');
  return rule ? [...above, { ...named(rule), matches: true, why: why ?? '' }] : above;
}

function unmatched(link: Link): string {
  const where = '/etc/multihomed/config.yaml';
  if (link.loopback) return 'loopback is used only by a rule with its name and "link-local: true"';
  return `no rule matches; add one to ${where}, for example  ${JSON.stringify(link.name)}: subflow`;
}

function explainUplink(uplink: Uplink, link: Link, source: ExplainSource): ExplainedUplink {
  const { plan, snapshot, state } = source;
  const evaluation = plan.evaluations.find(
    (each) => `${each.candidate.selected.link.index}/${each.candidate.address.address}` === uplink.key,
  );
  const steps = evaluation ? addressSteps(evaluation, link, snapshot, state) : [linkStep(link)];
  const removal = evaluation ? removalConflict(evaluation, state) : null;
  const advice = advise({ uplink, link, evaluation, removal, snapshot, paused: state.paused !== null });
  return {
    address: uplink.address,
    state: uplink.state,
    reason: uplinkReason(uplink),
    ...coded(uplink.reason),
    stays: uplink.stays ?? null,
    steps: [...afterStop(steps), ...joinsStep(uplink), ...packetsStep(uplink)],
    advice: advice?.text ?? null,
    remedy: advice?.remedy ?? null,
  };
}

function joinsStep({ joins }: Uplink): ExplainedStep[] {
  const evidence = joins && joinsText(joins);
  if (evidence) return [{ name: 'joins', state: 'stopped', evidence }];
  const any = joins && joins.established + joins.failed + joins.lost > 0;
  return any ? [{ name: 'joins', state: 'passed', evidence: subflowCounts(joins) }] : [];
}

const packetsStep = ({ misrouted }: Uplink): ExplainedStep[] =>
  misrouted ? [{ name: 'packets', state: 'stopped', evidence: misroutedText(misrouted) }] : [];

/** Steps after the first stop were not reached. */
function afterStop(steps: readonly ExplainedStep[]): ExplainedStep[] {
  const stop = steps.findIndex((step) => step.state === 'stopped');
  return steps.map((step, at) =>
    stop !== -1 && at > stop ? { ...step, state: 'ahead', evidence: '' } : step,
  );
}

/** A policy rule as ip-rule(8) writes it. */
import { hostBits } from '../ip.ts';
import {
  FR_ACT_BLACKHOLE,
  FR_ACT_GOTO,
  FR_ACT_NOP,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  headerWords,
  type PolicyRule,
} from './policy-rule.ts';

const ACTIONS: Readonly<Record<number, string>> = {
  [FR_ACT_NOP]: 'nop',
  [FR_ACT_BLACKHOLE]: 'blackhole',
  [FR_ACT_UNREACHABLE]: 'unreachable',
  [FR_ACT_PROHIBIT]: 'prohibit',
};
const TABLES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };

/** Selectors and action in one line, for messages. */
export const policyRuleWords = (rule: PolicyRule): string => words(rule).join(' ');

/**
 * Selectors, action and priority as arguments of `ip rule delete`. null: the rule has selectors that are not decoded
 * here, or the kernel would delete another rule, since every selector that a deletion leaves out is a wildcard.
 * `all`: all rules in the kernel's order. `priority`: that of a copy to be added.
 */
export function policyRuleArguments(
  rule: PolicyRule,
  all: readonly PolicyRule[],
  priority = rule.priority,
): readonly string[] | null {
  if (rule.header || rule.l3mdev) return null;
  const first = all.find(
    (each) =>
      each.family === rule.family &&
      each.priority === rule.priority &&
      each.action === rule.action &&
      each.table === rule.table &&
      each.source === rule.source &&
      each.sourceLength === rule.sourceLength,
  );
  return first === rule ? [...words(rule), 'priority', `${priority}`] : null;
}

function words(rule: PolicyRule): string[] {
  return [
    ...(rule.invert ? ['not'] : []),
    'from',
    rule.source === null ? 'all' : prefixText(rule, rule.source, rule.sourceLength),
    ...(rule.destination === null ? [] : ['to', prefixText(rule, rule.destination, rule.destinationLength)]),
    ...(rule.fwmask === 0 ? [] : ['fwmark', `0x${rule.fwmark.toString(16)}/0x${rule.fwmask.toString(16)}`]),
    ...(rule.iif === null ? [] : ['iif', rule.iif]),
    ...(rule.oif === null ? [] : ['oif', rule.oif]),
    ...(rule.uids === null ? [] : ['uidrange', rule.uids.join('-')]),
    ...headerWords(rule),
    ...action(rule),
  ];
}

const prefixText = ({ family }: PolicyRule, network: string, length: number): string =>
  length === hostBits(family) ? network : `${network}/${length}`;

function action(rule: PolicyRule): string[] {
  if (rule.action === FR_ACT_GOTO) return ['goto', `${rule.goto ?? 0}`];
  if (rule.action !== FR_ACT_TO_TBL) return [ACTIONS[rule.action] ?? `action ${rule.action}`];
  return [
    'lookup',
    TABLES[rule.table] ?? `${rule.table}`,
    ...(rule.suppressPrefixLength === null ? [] : ['suppress_prefixlength', `${rule.suppressPrefixLength}`]),
    ...(rule.suppressGroup === null ? [] : ['suppress_ifgroup', `${rule.suppressGroup}`]),
  ];
}

/** Warnings about the configuration in words. */
import { quote } from '../rules/problem.ts';
import type { ConfigurationWarning, Rule } from '../rules/rule.ts';
import type { Shadowed } from '../rules/shadow.ts';
import { nothingText } from './nothing.ts';

/** One clause. */
export function warningText(warning: ConfigurationWarning): string {
  switch (warning.code) {
    case 'second-main-file':
      return `${warning.file} is not read: ${warning.by} takes precedence`;
    case 'drop-in-name':
      return `${warning.file} is not read: the names of drop-ins end in .yaml`;
    case 'rule-hidden': {
      const { rule, by } = warning;
      return `the rule ${quote(rule.glob)} in ${placeOf(rule)} is hidden by that in ${placeOf(by)}`;
    }
    case 'rule-shadowed':
      return shadowText(warning);
    case 'table-shared': {
      const { table, rule, other } = warning;
      return `table ${table} of the rule ${quote(rule.glob)} in ${placeOf(rule)} is that of ${quote(other.glob)} too`;
    }
    case 'table-of-glob': {
      const { table, rule } = warning;
      return `table ${table} in ${placeOf(rule)} can serve one interface only, and ${quote(rule.glob)} may match more`;
    }
    case 'no-rule': {
      const last = warning.searched.at(-1)!;
      const others = warning.searched.slice(0, -1).join(', ');
      const where = others === '' ? last : `${others} or ${last}`;
      return nothingText(`there is no rule in ${where}`, warning.file, 'en*|eth*|wl*');
    }
  }
}

export const shadowText = ({ rule, by }: Shadowed): string =>
  `the rule ${quote(rule.glob)} (${placeOf(rule)}) never matches: ${quote(by.glob)} (${placeOf(by)}) comes before it and matches the same interfaces`;

/** `FILE:LINE` of a rule. */
export const placeOf = ({ origin }: Rule): string => `${origin.file}:${origin.line}`;

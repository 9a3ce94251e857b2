/** Findings about rules that an earlier glob covers. */
import { describe, expect, test } from 'vitest';
import { diagnosis } from './case.ts';

describe('rules that never match', () => {
  const of = (rules: string) =>
    diagnosis({ rules })
      .filter(({ id }) => id.startsWith('rule-shadowed'))
      .map(({ id, severity, command }) => [id.slice('rule-shadowed:'.length), severity, command !== null]);

  test.each([
    ['rules:\n  "*": ignore\n  eth1: subflow\n', [['eth1', 'warning', true]]],
    ['rules:\n  "e*|w*": ignore\n  "eth*|wl*": subflow\n', [['eth*|wl*', 'warning', true]]],
    ['rules:\n  "e*": ignore\n  eth1: ignore\n', [['eth1', 'note', false]]],
    ['rules: { "e*": ignore, eth1: subflow }\n', [['eth1', 'warning', false]]],
    ['rules:\n  eth1: ignore\n  "eth*": subflow\n', []],
    ['rules:\n  "e*": ignore\n  "eth*|wl*": subflow\n', []],
    ['rules:\n  "e*": { flags: subflow, driver: cdc_* }\n  eth1: subflow\n', []],
    ['rules:\n  "e??": ignore\n  "e*": subflow\n', []],
    ['rules:\n  "e*": ignore\n  "[ew]*": subflow\n', []],
  ])('%j', (rules, expected) => {
    expect(of(rules)).toEqual(expected);
  });
});

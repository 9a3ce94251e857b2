/** Rules that can never match, found by inclusion of globs. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coversAll } from '../../src/rules/cover.ts';
import { isGlob, parseGlob, type Glob } from '../../src/rules/glob.ts';
import { shadowedRules } from '../../src/rules/shadow.ts';
import { validateFile } from '../../src/rules/validate.ts';

function globOf(text: string): Glob {
  const glob = parseGlob(text);
  if (!isGlob(glob)) throw new Error(glob.found);
  return glob;
}
const covers = (above: readonly string[], below: string): boolean =>
  coversAll(above.map(globOf), globOf(below), { steps: 1_000_000 });

describe('glob coverage', () => {
  test.each([
    [['*'], 'eth0', true],
    [['e*'], 'eth*', true],
    [['eth*'], 'e*', false],
    [['e??*'], 'eth[0-9]', true],
    [['eth?'], 'eth[0-9]', true],
    [['eth[0-9]'], 'eth?', false],
    [['eth[0-4]', 'eth[5-9]'], 'eth[0-9]', true],
    [['eth[0-4]', 'eth[6-9]'], 'eth[0-9]', false],
    [['e*', 'w*'], 'wl*|eth*', true],
    [['e*'], 'wl*|eth*', false],
    [['[!e]*', 'e*'], '*', true],
    [['[!e]*', 'e?*'], '*', false],
    [['*a*'], '*a*b*', true],
    [['*b*a*'], '*a*b*', false],
    [['?*'], '*', true],
    [['\\**'], '\\*x', true],
    [['\\**'], '*x', false],
    [['*0'], 'eth*', false],
  ] as const)('by %j: %s is %s', (above, below, expected) => {
    expect(covers(above, below)).toBe(expected);
  });

  test('property: agrees with all short names', () => {
    const sign = fc.constantFrom('a', 'b', '?', '*', '[ab]', '[!a]');
    const glob = fc.array(sign, { minLength: 1, maxLength: 3 }).map((signs) => signs.join(''));
    // `z` represents all characters that no glob names.
    const names = ['a', 'b', 'z'].flatMap((first) => words(3).map((rest) => first + rest));
    fc.assert(
      fc.property(fc.array(glob, { minLength: 1, maxLength: 3 }), glob, (above, below) => {
        const [upper, lower] = [above.map(globOf), globOf(below)];
        const missed = names.find((name) => lower.matches(name) && !upper.some((each) => each.matches(name)));
        expect(coversAll(upper, lower, { steps: 1_000_000 }), missed).toBe(missed === undefined);
      }),
      { numRuns: 300 },
    );
  });

  test('is reported only if it is found within the budget of steps', () => {
    const hard = Array.from({ length: 40 }, (_, at) => `*a${'?'.repeat(at % 20)}b*`);
    expect(coversAll(hard.map(globOf), globOf('*a*b*'), { steps: 50_000 })).toBe(false);
  });
});

function words(length: number): string[] {
  if (length === 0) return [''];
  return ['', ...['a', 'b', 'z'].flatMap((first) => words(length - 1).map((rest) => first + rest))];
}

describe('shadowed rules', () => {
  const shadows = (text: string): string[] => {
    const { rules, problems } = validateFile({ file: 'f', text }, 'main');
    expect(problems).toEqual([]);
    return shadowedRules(rules).map(({ rule, by }) => `${rule.glob} by ${by.glob}`);
  };

  test.each([
    ['rules: { "*": ignore, eth1: subflow }', ['eth1 by *']],
    ['rules: { eth1: subflow, "*": ignore }', []],
    ['rules: { "e*": { flags: subflow, driver: "cdc_*" }, eth1: subflow }', []],
    ['rules: { "e*": subflow, "eth*": { flags: subflow, driver: r8169 } }', ['eth* by e*']],
    ['rules: { "e*": { flags: subflow, match: { path: "pci-*" } }, eth1: subflow }', []],
    [
      'rules: { "e*": { flags: subflow, match: { path: "pci-*" } }, eth1: { flags: subflow, match: { path: "pci-a*", driver: x } } }',
      ['eth1 by e*'],
    ],
    [
      'rules: { "e*": { flags: subflow, match: { mac-address: "0c:*" } }, eth1: { flags: subflow, match: { mac-address: "0C:5B:*" } } }',
      ['eth1 by e*'],
    ],
    [
      'rules: { "e*": { flags: subflow, driver: "cdc_*" }, eth1: { flags: subflow, driver: cdc_ether } }',
      ['eth1 by e*'],
    ],
    ['rules: { "e*": { flags: subflow, driver: cdc_ether }, eth1: { flags: subflow, driver: "cdc_*" } }', []],
    ['rules: { "e*": ignore, "w*": ignore, "eth*|wl*": subflow }', ['eth*|wl* by e*']],
  ])('%s', (text, expected) => expect(shadows(text)).toEqual(expected));

  test('nine thousand rules are checked in bounded time', () => {
    const rules = Array.from({ length: 9_000 }, (_, at) => `"if${at}*": subflow`);
    // Rules at the beginning are compared until the budget is used up.
    expect(shadows(`rules:\n  "if1?*": subflow\n  ${rules.join('\n  ')}\n`)).toContain('if10* by if1?*');
  });
});

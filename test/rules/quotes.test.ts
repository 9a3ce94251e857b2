/** Globs without quotes to which YAML gives another meaning. */
import { expect, test } from 'vitest';
import { formatProblem } from '../../src/rules/problem.ts';
import { validateFile } from '../../src/rules/validate.ts';

const problems = (text: string): string[] =>
  validateFile({ file: 'f', text }, 'main').problems.map((each) => formatProblem(each));

test.each([
  ['*wan: subflow', ['f:2:3: put the glob in quotes: "*wan"']],
  ['*wan : subflow', ['f:2:3: put the glob in quotes: "*wan"']],
  ['*: ignore', ['f:2:3: put the glob in quotes: "*"']],
  ['[ew]*: subflow', ['f:2:3: put the glob in quotes: "[ew]*"']],
  ['|x: subflow', ['f:2:3: put the glob in quotes: "|x"']],
  [
    'eth0: subflow\n  *b: ignore\n  *c: ignore',
    ['f:3:3: put the glob in quotes: "*b"', 'f:4:3: put the glob in quotes: "*c"'],
  ],
  ['"*wan": subflow', []],
  // YAML reads these as text.
  ['wl*|x: subflow', []],
  ['?: ignore', []],
])('%s', (rule, expected) => expect(problems(`rules:\n  ${rule}\n`)).toEqual(expected));

test('unquoted globs in flow style, too', () => {
  expect(problems('rules: { eth0: subflow, *wan: subflow }\n')).toEqual([
    'f:1:25: put the glob in quotes: "*wan"',
  ]);
});

test('an unknown alias that is not a key is reported as an alias', () => {
  expect(problems('rules:\n  eth0: *foo\n')[0]).toContain('the unknown alias "*foo"');
});

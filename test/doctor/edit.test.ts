/** Edits of the user's files: the printed sed command makes the change that was computed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { moveRule, replaceScalar } from '../../src/doctor/edit.ts';
import { remedyText, type Remedy } from '../../src/system/shell-quote.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "multihomed edit's "))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(texts: Readonly<Record<string, string>>): Map<string, string> {
  const files = Object.entries(texts).map(([name, text]): [string, string] => [join(folder, name), text]);
  for (const [file, text] of files) writeFileSync(file, text);
  return new Map(files);
}

const at = (name: string, line: number) => ({ file: join(folder, name), line, column: 1 });
const run = (remedy: Remedy | null): void => void execFileSync('sh', ['-c', remedyText(remedy)!]);
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

test('a rule of one line is moved up with its comment', () => {
  const texts = write({ a: 'rules:\n  "e*": ignore\n  "w\\\\*": subflow # it\'s here\n' });
  run(moveRule(texts, at('a', 3), at('a', 2)));
  expect(read('a')).toBe('rules:\n  "w\\\\*": subflow # it\'s here\n  "e*": ignore\n');
});

test('a rule of several lines is moved up; comments beside it stay', () => {
  const texts = write({
    a: 'rules:\n  "e*": ignore\n\n  # cable\n  eth0:\n    flags:\n      - subflow\n\n    routing: policy\n  "w*": ignore\nlimits: auto\n',
  });
  run(moveRule(texts, at('a', 5), at('a', 2)));
  expect(read('a')).toBe(
    'rules:\n  eth0:\n    flags:\n      - subflow\n    routing: policy\n  "e*": ignore\n\n  # cable\n  "w*": ignore\nlimits: auto\n',
  );
});

test('a rule is moved into another file with the indentation of that file', () => {
  const texts = write({ a: 'rules:\n    "e*": ignore\n', b: 'rules:\n  eth0: subflow\n  eth1: subflow\n' });
  run(moveRule(texts, at('b', 2), at('a', 2)));
  expect(read('a')).toBe('rules:\n    eth0: subflow\n    "e*": ignore\n');
  expect(read('b')).toBe('rules:\n  eth1: subflow\n');
});

test.each([
  ['flow style', 'rules: { "e*": ignore,\n  eth0: subflow }\n', 2, 1],
  ['JSON', '{"rules": {\n"e*": "ignore",\n"eth0": "subflow"\n}}\n', 3, 2],
])('no command for %s', (_, text, rule, before) => {
  expect(moveRule(write({ a: text }), at('a', rule), at('a', before))).toBeNull();
});

test('no command that would leave a file without a rule', () => {
  const texts = write({ a: 'rules:\n  "e*": ignore\n', b: 'rules:\n  eth0: subflow\n' });
  expect(moveRule(texts, at('b', 2), at('a', 2))).toBeNull();
});

test.each([
  ['limits:\n  subflows: 0 # few\n', 'limits:\n  subflows: 12 # few\n'],
  ['limits: { subflows: 0, add-addr-accepted: 0 }\n', 'limits: { subflows: 12, add-addr-accepted: 0 }\n'],
  ['{"limits": {"subflows":0}}\n', '{"limits": {"subflows":12}}\n'],
])('a number is replaced in place: %j', (before, after) => {
  const texts = write({ a: before });
  run(replaceScalar(texts, [...texts.keys()], ['limits', 'subflows'], '12'));
  expect(read('a')).toBe(after);
});

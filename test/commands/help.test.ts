/** The help of every command has examples, and their options exist. */
import { spawnSync } from 'node:child_process';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { EXAMPLES } from '../../src/commands/help.ts';
import { program } from '../../src/commands/program.ts';
import { commandNodes } from '../../src/commands/shell/tree.ts';
import { MAIN } from '../support/installed.ts';

const nodes = new Map(
  commandNodes(program(() => undefined))
    .filter(({ path }) => !/(?:^| )help$/.test(path))
    .map((node) => [node.path, node]),
);

test('every command has examples', () => {
  expect(Object.keys(EXAMPLES).sort()).toEqual([...nodes.keys()].sort());
});

const lines = Object.values(EXAMPLES).flatMap((examples) => examples.map(([line]) => line));

test.each(lines)('multihomed %s: the options of the example exist', (line) => {
  const words = line.split(/ >| /);
  const path = [words.slice(0, 2), words.slice(0, 1)]
    .map((each) => each.join(' '))
    .find((each) => nodes.has(each));
  const node = nodes.get(path ?? '');
  const options = words.filter((word) => word.startsWith('-'));
  expect(path).toBeDefined();
  expect(node?.flags.flatMap(({ names }) => names)).toEqual(expect.arrayContaining(options));
});

test.each([...nodes.keys()].filter((path) => path !== ''))(
  'multihomed %s --help shows an example',
  (path) => {
    let text = '';
    const root = program(() => undefined);
    const named = path
      .split(' ')
      .reduce<Command | undefined>(
        (above, name) => above?.commands.find((each) => each.name() === name),
        root,
      );
    named?.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    expect(text).toMatch(/^Usage: multihomed /);
    expect(text).toMatch(/\nExamples:\n {2}multihomed /);
    expect(text.split('\n').filter((line) => line.length > 120)).toEqual([]);
  },
);

test.each([
  [['stauts'], 'status'],
  [['run', '--dryrun'], '--dry-run'],
  [['explian', 'eth0'], 'explain'],
  [['status', '--jsno'], '--json'],
])('%j: did you mean %s?', (words, meant) => {
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8' });
  expect(stderr).toContain(`Did you mean ${meant}?`);
  expect(status).toBe(64);
});

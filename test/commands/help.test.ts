import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { EXAMPLES } from '../../src/commands/help.ts';
import { program } from '../../src/commands/program.ts';
import { commandNodes } from '../../src/commands/shell/tree.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const nodes = new Map(
  commandNodes(program(() => undefined))
    .filter(({ path }) => path !== 'help')
    .map((node) => [node.path, node]),
);

const command = (name: string): string => name.split(' ')[0] ?? '';

test('every command has examples', () => {
  expect(Object.keys(EXAMPLES)).toEqual(expect.arrayContaining([...new Set([...nodes.keys()].map(command))]));
});

const lines = Object.values(EXAMPLES)
  .flatMap((examples) => examples.map(([line]) => line))
  .filter((line) => nodes.has(command(line)));

test.each(lines)('multihomed %s: options that there are', (line) => {
  const words = line.split(/ >| /);
  const path = words.slice(0, nodes.has(words.slice(0, 2).join(' ')) ? 2 : 1).join(' ');
  const node = nodes.get(path);
  const options = words.filter((word) => word.startsWith('-'));
  expect(node?.flags.flatMap(({ names }) => names)).toEqual(expect.arrayContaining(options));
});

test.each([...nodes.keys()].filter((path) => path !== ''))(
  'multihomed %s --help shows an example',
  (path) => {
    const text = execFileSync(process.execPath, [MAIN, ...path.split(' '), '--help'], { encoding: 'utf8' });
    expect(text).toMatch(/^Usage: multihomed /);
    expect(text).toMatch(/\nExamples:\n {2}multihomed /);
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
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

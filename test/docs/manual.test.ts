/** The manual pages have the commands, options, states, keys and variables of the code; mandoc checks their form. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { program } from '../../src/commands/program.ts';
import { EXIT } from '../../src/commands/exit.ts';
import { DOCTOR_EXIT } from '../../src/commands/doctor.ts';
import { commandNodes, type CommandNode } from '../../src/commands/shell/tree.ts';
import { forScript, hookEnvironment } from '../../src/hooks/environment.ts';
import type { HookAction, LinkFacts, UplinkFacts } from '../../src/hooks/facts.ts';
import { ENDPOINT_FLAGS } from '../../src/netlink/mptcp/flag-words.ts';
import { UPLINK_STATES } from '../../src/plan/uplink.ts';
import { configurationSchema, hooksSchema, KEYS } from '../../src/rules/schema.ts';
import { validateFile } from '../../src/rules/validate.ts';
import { examples, items, pageFile, PAGES, section } from './manual.ts';

const nodes = commandNodes(program(() => undefined)).filter(({ path }) => !/(?:^|^.* )help$|^$/.test(path));

test.for(PAGES)('mandoc: no warning in %s', (page, { skip, task }) => {
  const { error, status, stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', pageFile(page)], {
    encoding: 'utf8',
  });
  if (error) {
    const why = 'mandoc is not installed: apt-get install mandoc';
    if (process.env['CI'] === 'true') throw new Error(why);
    Object.assign(task.meta, { why });
    skip(why);
  }
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

/** Each command of multihomed(8), with its options. */
function described(): Map<string, string[]> {
  const commands = new Map<string, string[]>();
  let options: string[] = [];
  const paths = new Set(nodes.map(({ path }) => path));
  for (const line of section('multihomed.8', 'COMMANDS')) {
    const [, words] = /^\.It Cm (.*)/.exec(line) ?? [];
    if (words !== undefined) {
      const [first = '', second = ''] = words.split(' ');
      options = [];
      commands.set(paths.has(`${first} ${second}`) ? `${first} ${second}` : first, options);
    }
    const [, short, long] = /^\.It Fl (?:(\w) , )?-(\S+)/.exec(line) ?? [];
    if (short !== undefined) options.push(`-${short}`);
    if (long !== undefined) options.push(`--${long}`);
  }
  return commands;
}

const optionsOf = ({ flags }: CommandNode): string[] =>
  flags.flatMap(({ names }) => names).filter((name) => !['-h', '--help', '--version'].includes(name));

test('multihomed(8) has exactly the existing commands and options', () => {
  const real = nodes.map((node) => [node.path, optionsOf(node).sort()] as const);
  expect(Object.fromEntries([...described()].map(([path, options]) => [path, options.sort()]))).toEqual(
    Object.fromEntries(real),
  );
});

test('multihomed(8) has exactly the existing states and exit statuses', () => {
  expect(items('multihomed.8', 'STATES', 'Sy')).toEqual([...UPLINK_STATES]);
  const codes = section('multihomed.8', 'EXIT STATUS').flatMap(
    (line) => /^\.It (\d+)$/.exec(line)?.[1] ?? [],
  );
  const real = new Set([...Object.values(EXIT), ...Object.values(DOCTOR_EXIT)]);
  expect(codes.map(Number)).toEqual([...real].sort((a, b) => a - b));
});

test('multihomed(8) has exactly the environment variables that the program reads', () => {
  const folder = new URL('../../src/', import.meta.url).pathname;
  const files = (readdirSync(folder, { recursive: true }) as string[]).filter((name) => name.endsWith('.ts'));
  const text = files.map((name) => readFileSync(`${folder}${name}`, 'utf8')).join('\n');
  const read = [
    ...[...text.matchAll(/\benv(?:ironment)?\['([A-Z_]+)'\]/g)].map(([, name]) => name),
    ...[...text.matchAll(/\{([^{}]*)\}(?:: NodeJS\.ProcessEnv| = process\.env)/g)].flatMap(([, names = '']) =>
      [...names.matchAll(/[A-Z_]{2,}/g)].map(([name]) => name),
    ),
  ];
  // Variables that multihomed adds for hooks, and PATH, which every program has.
  const real = new Set(read.filter((name) => name !== 'MULTIHOMED_JSON' && name !== 'PATH'));
  expect(new Set(items('multihomed.8', 'ENVIRONMENT', 'Ev'))).toEqual(real);
});

test('multihomed.yaml(5) has exactly the existing keys', () => {
  const rules = items('multihomed.yaml.5', 'RULES', 'Cm');
  expect(rules.sort()).toEqual([...KEYS.rule, ...KEYS.match, ...ENDPOINT_FLAGS, 'ignore'].sort());
  expect(items('multihomed.yaml.5', 'LIMITS', 'Cm')).toEqual(['auto', 'leave', ...KEYS.limits]);
  expect(items('multihomed.yaml.5', 'HOOKS', 'Cm')).toEqual(Object.keys(hooksSchema.shape));
  expect(items('multihomed.yaml.5', 'HEALTH', 'Cm')).toEqual([...KEYS.health, ...KEYS.probe]);
  expect(Object.keys(configurationSchema.shape)).toEqual(['rules', 'limits', 'hooks', 'health']);
});

test.each(examples('multihomed.yaml.5', 'EXAMPLES'))('the example is valid: %s', (text) => {
  const { problems, rules } = validateFile({ file: 'multihomed.yaml(5)', text }, 'main');
  expect(problems).toEqual([]);
  expect(rules).not.toEqual([]);
});

const link = { interface: 'eth0', ifindex: 2, rule: 'eth*', reason: 'carrier' };
const LINK: LinkFacts = { ...link, driver: null };
const uplink = { ...link, prefixLength: 24, endpointId: 1, flags: ['subflow'], port: null, table: 1 };
const FOUR: UplinkFacts = { ...uplink, family: 'ipv4', address: '192.0.2.1', gateway: '192.0.2.9' };
const SIX: UplinkFacts = { ...uplink, family: 'ipv6', address: '2001:db8::1', gateway: 'fe80::1' };

test('multihomed-hooks(7) has exactly the existing variables', () => {
  const real = new Set(
    [LINK, FOUR, SIX].flatMap((facts) => Object.keys(forScript(hookEnvironment('up', facts), '/hook'))),
  );
  expect(items('multihomed-hooks.7', 'ENVIRONMENT', 'Ev').sort()).toEqual([...real].sort());
});

test('multihomed-hooks(7) has every key of the JSON object, and every action', () => {
  const text = section('multihomed-hooks.7', 'ENVIRONMENT').join('\n');
  const keys = [LINK, FOUR].flatMap((facts) =>
    Object.keys(
      JSON.parse(forScript(hookEnvironment('up', facts), '/hook')['MULTIHOMED_JSON'] ?? '') as object,
    ),
  );
  for (const key of keys) expect(text).toMatch(new RegExp(`^\\.Cm (?:.* )?${key}(?: |$)`, 'm'));
  const actions: Readonly<Record<HookAction, true>> = {
    'device-add': true,
    'device-delete': true,
    'link-up': true,
    'link-down': true,
    up: true,
    down: true,
    change: true,
  };
  expect(items('multihomed-hooks.7', 'ACTIONS', 'Cm')).toEqual(Object.keys(actions));
});

test.each(examples('multihomed-hooks.7', 'EXAMPLES'))('the example has valid shell syntax: %s', (script) => {
  execFileSync('sh', ['-n'], { input: script });
});

test('the table of commands in the README has exactly the existing commands', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const cells = [...readme.matchAll(/^\| (`multihomed .*?) \|(?: |$)/gm)].map(([, cell = '']) => cell);
  const named = cells.flatMap((cell) => [...cell.matchAll(/`multihomed ([\w-]+)/g)].map(([, name]) => name));
  const real = nodes.map(({ path }) => path).filter((path) => !path.includes(' '));
  expect(new Set(named)).toEqual(new Set(real));
});

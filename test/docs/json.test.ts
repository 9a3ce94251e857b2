/** The output of commands with --json matches docs/json/. `npm test -- test/docs/json -u` writes it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { expect, test as plain } from 'vitest';
import * as z from 'zod';
import { ACTION_CODES } from '../../src/actions/action.ts';
import { program } from '../../src/commands/program.ts';
import { commandNodes, type CommandNode } from '../../src/commands/shell/tree.ts';
import { PROBLEM_CODES } from '../../src/messages/problem.ts';
import { REASON_CODES, STAY_CODES } from '../../src/messages/reason.ts';
import { MAIN } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { DOCUMENTS } from './documents.ts';

const folder = new URL('../../docs/json/', import.meta.url).pathname;
const names = Object.keys(DOCUMENTS) as (keyof typeof DOCUMENTS)[];

plain.for(names)('docs/json/%s.schema.json is what the tests check', async (name) => {
  const file = `${folder}${name}.schema.json`;
  const schema = { title: `multihomed ${name} --json`, ...z.toJSONSchema(DOCUMENTS[name]) };
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(file)), parser: 'json' });
  await expect(text).toMatchFileSnapshot(file);
});

plain('docs/json.md lists the codes of reasons, stays, problems and actions', () => {
  const text = readFileSync(new URL('../../docs/json.md', import.meta.url), 'utf8');
  const codes = [...REASON_CODES, ...STAY_CODES, ...PROBLEM_CODES, ...ACTION_CODES];
  const listed = [...text.matchAll(/`([a-z-]+(?: [a-z]+)?)`/g)].map(([, code]) => code!);
  expect(codes.filter((code) => !listed.includes(code))).toEqual([]);
});

plain('docs/json/ has no other schema', () => {
  const schemas = readdirSync(folder).map((name) => name.replace(/\.schema\.json$/, ''));
  expect(schemas.filter((name) => !(name in DOCUMENTS))).toEqual([]);
});

plain('every command with --json has a schema', () => {
  const takesJson = ({ flags }: CommandNode): boolean =>
    flags.some(({ names: each }) => each.includes('--json'));
  const commands = commandNodes(program(() => undefined)).filter(takesJson);
  const missing = commands.map(({ path }) => path.split(' ')[0]!).filter((name) => !(name in DOCUMENTS));
  expect(missing, 'add each to test/docs/documents.ts').toEqual([]);
});

const problemsOf = (name: keyof typeof DOCUMENTS, text: string): string => {
  const { error } = (DOCUMENTS[name] as z.ZodType).safeParse(JSON.parse(text));
  return error ? `${name}: ${z.prettifyError(error)}\n${text}` : '';
};

test('--json: the output of each command matches its schema', { timeout: 180_000 }, async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  const config = join(lab.folder, 'other.yaml');
  writeFileSync(config, 'rules: { "wwan*": subflow, "lo": { flags: ignore, speed: 1 } }\n', { mode: 0o644 });
  const daemon = await lab.daemon({ 'eth*|wwan*': 'subflow', 'nothing*': 'ignore' });
  const lines = (...args: string[]): { readonly text: () => string[]; readonly end: () => void } => {
    const child = lab.host.spawn(process.execPath, [MAIN, ...args]);
    let text = '';
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
    return { text: () => text.split('\n').slice(0, -1), end: () => child.kill('SIGINT') };
  };
  const streams = {
    monitor: lines('monitor', '--json'),
    watch: lines('watch', '--json', '--interval', '0.5'),
  };
  await expect.poll(() => streams.watch.text().length, { timeout: 20_000 }).toBeGreaterThan(0);
  const connections = await lab.connections();
  const limit = { timeout: 20_000 };
  await connections.open(eth.address());
  await expect.poll(() => streams.watch.text().at(-1), limit).toContain('"token"');
  // The first connection may have begun before the monitor listened.
  const opened = async (): Promise<string> => {
    await connections.open(eth.address());
    return streams.monitor.text().join();
  };
  await expect.poll(opened, { ...limit, interval: 500 }).toContain('"subflow-established"');
  wwan.down();
  await expect.poll(() => streams.monitor.text().join(), limit).toContain('"uplink"');
  for (const name of ['monitor', 'watch'] as const) {
    streams[name].end();
    for (const line of streams[name].text()) expect(problemsOf(name, line)).toBe('');
  }
  const calls: readonly (readonly [keyof typeof DOCUMENTS, ...string[]])[] = [
    ['status'],
    ['status', 'eth0'],
    ['explain', 'eth0'],
    ['explain', 'lo'],
    ['plan', '--config', daemon.config],
    ['check', daemon.config],
    ['check', config],
    ['doctor', '--config', daemon.config],
    ['doctor', '--config', config],
    ['endpoint'],
    ['limits'],
    ['version'],
    ['flush', '--force'],
    ['reload'],
  ];
  for (const call of calls) {
    const { stdout } = await daemon.command(...call, '--json');
    expect(problemsOf(call[0], stdout)).toBe('');
  }
  await daemon.stop();
  for (const call of [
    ['status', '--config', daemon.config],
    ['explain', 'eth0', '--config', daemon.config],
    ['plan', '--config', daemon.config],
    ['flush', '--force'],
  ] as const) {
    const { stdout } = await daemon.command(...call, '--json');
    expect(problemsOf(call[0], stdout)).toBe('');
  }
});

/** The JSON Schema for editors equals the schema of the program. `npm test -- test/docs/schema -u` writes it. */
import { readdirSync, readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { configurationSchema } from '../../src/rules/schema.ts';
import { examples } from './manual.ts';

const file = new URL('../../docs/multihomed.schema.json', import.meta.url).pathname;
const rules = new URL('../../rules/', import.meta.url).pathname;

/** The path where the README installs it. Absolute, because administrators copy these files to /etc. */
const MODELINE = '# yaml-language-server: $schema=/usr/share/multihomed/multihomed.schema.json';

test('docs/multihomed.schema.json equals the schema of the program', async () => {
  const schema = {
    title: 'multihomed.yaml(5): /etc/multihomed/config.yaml and rules.d/*.yaml',
    ...z.toJSONSchema(configurationSchema, { io: 'input', target: 'draft-7' }),
  };
  const text = await format(JSON.stringify(schema), { ...(await resolveConfig(file)), parser: 'json' });
  await expect(text).toMatchFileSnapshot(file);
});

const shipped = (readdirSync(rules, { recursive: true }) as string[]).filter((name) =>
  name.endsWith('.yaml'),
);

test.each(shipped)('rules/%s: the first line is the path of the schema for editors', (name) => {
  expect(readFileSync(`${rules}${name}`, 'utf8').split('\n')[0]).toBe(MODELINE);
});

test('the README installs the schema there', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toMatch(/install -D -m 644 -t \/usr\/share\/multihomed docs\/multihomed\.schema\.json/);
});

const schema = z.fromJSONSchema(JSON.parse(readFileSync(file, 'utf8')) as z.core.JSONSchema.JSONSchema);
const texts = [
  ...shipped.map((name) => readFileSync(`${rules}${name}`, 'utf8')),
  ...examples('multihomed.yaml.5', 'EXAMPLES'),
];

test.each(texts)('an editor accepts %s', (text) => {
  expect(schema.safeParse(parse(text)).error).toBeUndefined();
});

test.each([
  'limit: auto',
  'rules: { eth0: subflwo }',
  'rules: { eth0: { flag: subflow } }',
  'hooks: { timeout: 30x }',
])('an editor reports the error in %s', (text) => {
  expect(schema.safeParse(parse(text)).success).toBe(false);
});

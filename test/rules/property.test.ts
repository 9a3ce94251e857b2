/** Random configurations, valid and invalid, as text and as files. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import * as z from 'zod';
import { formatProblem } from '../../src/rules/problem.ts';
import { matchRule } from '../../src/rules/match.ts';
import { configurationSchema } from '../../src/rules/schema.ts';
import { validateFile } from '../../src/rules/validate.ts';
import { privateFolder } from './folder.ts';

const words = [
  'rules',
  'limits',
  'hooks',
  'flags',
  'port',
  'eth0',
  '*',
  'wl*',
  'subflow',
  'signal',
  'backup',
  'auto',
];
const signs = [
  ': ',
  ':',
  '\n',
  '\n  ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  '"',
  "'",
  '&a ',
  '*a',
  '!!x ',
  '#',
  '|',
  '>',
  '? ',
  '---\n',
  '\t',
  '<<',
  '0',
  '-1',
  '~',
  '%',
  '\0',
  '\uFEFF',
  '\uD800',
  '$import',
];
const yamlish = fc
  .array(fc.constantFrom(...words, ...signs), { maxLength: 60 })
  .map((parts) => parts.join(''));

describe('property: any text', () => {
  test.each([
    ['of random text', fc.string({ unit: 'binary', maxLength: 300 })],
    ['that looks like YAML', yamlish],
    ['of rules that look like YAML', yamlish.map((text) => `rules:\n  ${text}`)],
    ['of JSON', fc.json()],
    ['of a rule of JSON', fc.json().map((text) => `{"rules": {"eth0": ${text}}}`)],
  ])('%s gives rules or problems, each on one line', (_name, texts) => {
    fc.assert(
      fc.property(texts, fc.constantFrom('main', 'drop-in'), (text, kind) => {
        const { rules, problems } = validateFile({ file: 'f', text }, kind);
        for (const problem of problems) {
          expect(formatProblem(problem)).toMatch(
            /^f(:[1-9]\d*:[1-9]\d*)?: (found .+; expected .+|not valid YAML: .+|put the glob in quotes: .+)$/,
          );
        }
        if (problems.length === 0) matchRule(rules, { name: 'eth0', altnames: ['a'], driver: null });
      }),
      { numRuns: 2000 },
    );
  });
});

test.each(['{"eth0": {"length": {}}}', '{"eth0": {"flags": {"length": {}}}}'])(
  'a map with a key length is reported as a map: %s',
  (rules) => {
    const { problems } = validateFile({ file: 'f', text: `{"rules": ${rules}}` }, 'main');
    expect(problems.length).toBeGreaterThan(0);
    for (const problem of problems) expect(formatProblem(problem)).toMatch(/^f:1:\d+: found /);
  },
);

const flags = fc.constantFrom<string[]>(
  ['subflow'],
  ['subflow', 'backup'],
  ['subflow', 'fullmesh'],
  ['signal'],
  ['signal', 'subflow'],
  ['laminar'],
  ['ignore'],
);
const optional = { requiredKeys: [] as [] };
const rule = fc
  .tuple(
    flags,
    fc.boolean(),
    fc.record(
      {
        families: fc.constantFrom(['ipv4'], ['ipv6'], ['ipv6', 'ipv4']),
        addresses: fc.constantFrom('auto', 'stable', 'temporary', 'all'),
        'per-interface': fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constant('all')),
        routing: fc.constantFrom('policy', 'main'),
        'check-route': fc.boolean(),
        tunnel: fc.constantFrom('respect', 'bypass'),
        driver: fc.constantFrom('cdc_*', 'a|b', '[!x]?'),
        table: fc.oneof(fc.integer({ min: 256, max: 2 ** 32 - 1 }), fc.constant('auto')),
      },
      optional,
    ),
  )
  .map(([list, asText, rest]) => ({ flags: asText ? list.join(' ') : list, ...rest }));
const glob = fc.stringMatching(/^[a-z*?.:_-]{1,12}$/).filter((text) => text.split('*').length < 5);
const configuration = fc.record(
  {
    rules: fc.uniqueArray(fc.tuple(glob, rule), { selector: ([text]) => text, maxLength: 8 }),
    limits: fc.constantFrom('auto', 'leave', { subflows: 8 }, { subflows: 0, 'add-addr-accepted': 255 }),
    hooks: fc.record(
      { timeout: fc.constantFrom('30s', 5, '1h'), user: fc.constantFrom('root', 0) },
      optional,
    ),
  },
  { requiredKeys: ['rules'] },
);

describe('property: any valid configuration', () => {
  test('is read the same as YAML and as JSON, in order', () => {
    fc.assert(
      fc.property(configuration, fc.boolean(), ({ rules, ...rest }, asJson) => {
        const value = { ...rest, rules: new Map(rules) };
        const json = `{"rules": {${rules.map(([key, each]) => `${JSON.stringify(key)}: ${JSON.stringify(each)}`).join(',')}}${Object.entries(
          rest,
        )
          .map(([key, each]) => `, ${JSON.stringify(key)}: ${JSON.stringify(each)}`)
          .join('')}}`;
        const read = validateFile({ file: 'f', text: asJson ? json : stringify(value) }, 'main');
        expect(read.problems).toEqual([]);
        expect(read.rules.map((each) => each.glob)).toEqual(rules.map(([text]) => text));
        for (const [i, [, given]] of rules.entries()) {
          const list = typeof given.flags === 'string' ? given.flags.split(' ') : given.flags;
          const all =
            given['per-interface'] === 'all' ||
            (given['per-interface'] === undefined && list.includes('signal'));
          expect(read.rules[i]).toMatchObject({
            ignore: list.includes('ignore'),
            flags: list.filter((each) => each !== 'ignore'),
            families: given.families ?? ['ipv4', 'ipv6'],
            addresses: given.addresses ?? 'auto',
            perInterface: all ? Infinity : (given['per-interface'] ?? 1),
            routing: given.routing ?? 'policy',
            checkRoute: given['check-route'] ?? true,
            tunnel: given.tunnel ?? 'respect',
            driver: given.driver ?? null,
            table: typeof given.table === 'number' ? given.table : null,
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test('is valid by the JSON Schema for editors', () => {
    expect(() => z.toJSONSchema(configurationSchema)).not.toThrow();
    fc.assert(
      fc.property(configuration, ({ rules, ...rest }) => {
        const answer = configurationSchema.safeParse({ ...rest, rules: Object.fromEntries(rules) });
        expect(answer.error?.issues ?? []).toEqual([]);
      }),
    );
  });
});

describe('read from files', () => {
  const folder = privateFolder();

  test('property: any bytes give rules or problems', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        folder.put('etc/config.yaml', bytes);
        folder.put('etc/rules.d/10.yaml', bytes);
        for (const line of await folder.problems()) expect(line).toMatch(/; expected |: not valid YAML: /);
      }),
      { numRuns: 300 },
    );
  });
});

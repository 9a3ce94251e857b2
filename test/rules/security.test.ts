/** Attacks through a configuration: code, bombs, files that are replaced while they are read. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseYaml } from '../../src/rules/yaml.ts';
import { validateFile } from '../../src/rules/validate.ts';
import { privateFolder } from './folder.ts';

const folder = privateFolder();
const home = process.cwd();
afterEach(() => process.chdir(home));

describe('no code is run', () => {
  const code = (): string => `require('fs').writeFileSync(${JSON.stringify(join(folder.path, 'ran'))}, '');`;
  const ran = (): boolean => existsSync(join(folder.path, 'ran'));

  test('the test’s code is run by plain cosmiconfig', async () => {
    folder.put('here/.config/config.js', `${code()} module.exports = {};`);
    process.chdir(join(folder.path, 'here'));
    const { cosmiconfig } = await import('cosmiconfig');
    cosmiconfig('multihomed', { searchStrategy: 'none', cache: false });
    await vi.waitFor(() => expect(ran()).toBe(true), 10_000);
  });

  test.each(['config.js', 'config.cjs', 'config.ts', 'config.mjs', 'config.json', 'config.yaml'])(
    'a .config/%s in the current folder is not used',
    async (name) => {
      const isCode = !/json|yaml/.test(name);
      folder.put(`here/.config/${name}`, isCode ? code() : '{"cosmiconfig": {"searchPlaces": ["x"]}}');
      folder.put('etc/config.yaml', 'rules: {a: subflow}');
      process.chdir(join(folder.path, 'here'));
      const { rules } = await folder.load();
      expect(rules).toHaveLength(1);
      // Code is imported some time after it is found.
      await setTimeout(100);
      expect(ran()).toBe(false);
      expect(process.cwd()).toBe(join(folder.path, 'here'));
    },
  );

  test.each(['js', 'cjs', 'mjs', 'ts', 'mts'])(
    'a config.%s in the system’s folder is not read',
    async (ending) => {
      folder.put(`etc/config.${ending}`, code());
      folder.put(`etc/rules.d/10.${ending}`, code());
      expect((await folder.load()).files).toEqual([]);
      expect(await folder.problems({ config: join(folder.etc, `config.${ending}`) })).toEqual([
        `etc/config.${ending}: found a file of code, which is never run; expected a .yaml, .yml or .json file`,
      ]);
      expect(ran()).toBe(false);
    },
  );

  test.each(['config.yaml', 'config.json'])('$import in %s reads no other file', async (name) => {
    folder.put('etc/other.yaml', 'rules: {a: subflow}');
    folder.put(`etc/${name}`, '{"$import": "other.yaml"}');
    expect(await folder.problems()).toEqual([expect.stringContaining('found the unknown key "$import"')]);
  });

  test.each([
    '!!js/function "function () {}"',
    '!!js/regexp /a/',
    '!!python/object/apply:os.system [id]',
    '!!set {a}',
  ])('the tag of %s is refused', async (value) => {
    folder.put('etc/config.yaml', `rules:\n  a: ${value}\n`);
    expect((await folder.problems()).join()).toContain('found the tag "!!');
  });

  test('__proto__ as a key is an error and changes no prototype', async () => {
    folder.put(
      'etc/config.yaml',
      'rules: {a: {__proto__: {flags: signal}, flags: subflow}}\n__proto__: {limits: 1}',
    );
    const found = await folder.problems();
    expect(found).toHaveLength(2);
    expect(found.join()).toMatch(/unknown key "__proto__".*unknown key "__proto__"/);
    expect(({} as Record<string, unknown>)['flags']).toBeUndefined();
  });
});

test('the current folder may have been deleted', async () => {
  folder.put('etc/config.yaml', 'rules: {a: subflow}');
  mkdirSync(join(folder.path, 'gone'));
  process.chdir(join(folder.path, 'gone'));
  rmSync(join(folder.path, 'gone'), { recursive: true });
  expect((await folder.load()).rules).toHaveLength(1);
});

test('a pipe or device in place of a file is refused without blocking', async () => {
  for (const name of ['etc/config.yaml', 'etc/rules.d/10.yaml'])
    execFileSync('mkfifo', [join(folder.path, name)]);
  symlinkSync('/dev/zero', join(folder.etc, 'rules.d/20.yaml'));
  expect(await folder.problems()).toEqual([
    expect.stringContaining('is a pipe, not a regular file'),
    expect.stringContaining('is a pipe, not a regular file'),
    expect.stringContaining('is a device, not a regular file'),
  ]);
});

test.skipIf(process.geteuid?.() !== 0)('an endless or blocking regular file is refused', async () => {
  for (const config of ['/proc/kmsg', '/proc/self/pagemap', '/proc/self/mem']) {
    if (existsSync(config)) expect(await folder.problems({ config })).toHaveLength(1);
  }
});

test('a file that is replaced while it is read is either the old or the new one', async () => {
  const path = folder.put('etc/config.yaml', 'rules: {a: subflow}');
  for (let i = 0; i < 50; i++) {
    const loading = folder.load();
    renameSync(folder.put('next', `rules: {b${i}: subflow}`), path);
    expect((await loading).rules).toHaveLength(1);
  }
});

describe('YAML bombs', () => {
  const nine = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(of).join(', ')}]`;
  const levels = 'bcdefghij'.split('').map((name, i) => nine(name, `*${'abcdefghi'[i] ?? ''}`));
  const bombs: Record<string, string> = {
    'a billion laughs': ['rules:', '  a: &a [lol]', ...levels.map((line) => `  ${line}`)].join('\n'),
    'a hook path of laughs': `hooks:\n  path: ${'&a [x]'}\nlimits: [${Array(20_000).fill('*a').join(',')}]`,
    'an alias of itself': 'rules: {a: &a [*a]}',
    'a map of itself': 'rules: &a {a: *a}',
    'a key of itself': '&a {*a : 1}',
    'a key inside of itself': 'rules: &a {? *a : 1}',
    '500,000 brackets': '['.repeat(500_000),
    '500,000 braces': '{'.repeat(500_000),
    '200,000 maps': '{a: '.repeat(200_000),
    '300,000 dashes': '- '.repeat(300_000),
    '300,000 question marks': '? '.repeat(300_000),
    '200,000 tags': '!!a '.repeat(200_000),
    '100,000 keys': Array.from({ length: 90_000 }, (_, i) => `a${i}: 1`).join('\n'),
    '60,000 equal globs': `rules:\n${'  a: subflow\n'.repeat(60_000)}`,
    '40,000 rules': `rules:\n${Array.from({ length: 40_000 }, (_, i) => `  a${i}: sublfow\n`).join('')}`,
    '500,000 closing braces': '}'.repeat(500_000),
    '200,000 documents': '---\n'.repeat(200_000),
    '100,000 aliases of nothing': Array.from({ length: 100_000 }, (_, i) => `a${i}: *x\n`).join(''),
    '1,000,000 zeros': '\0'.repeat(1_000_000),
    'a staircase': Array.from({ length: 1200 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
    'a long word': `rules: {a: ${'subflow'.repeat(100_000)}}`,
    'many words': `rules: {a: ${'x '.repeat(100_000)}}`,
  };
  test.each(Object.keys(bombs))('%s', { timeout: 60_000 }, (name) => {
    const { problems } = validateFile({ file: 'f', text: bombs[name] ?? '' }, 'main');
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.length).toBeLessThanOrEqual(200);
  });

  test('nesting of depth 20 is accepted', () => {
    expect(parseYaml({ file: 'f', text: `${'['.repeat(20)}${']'.repeat(20)}` })).toHaveProperty('root');
  });
});

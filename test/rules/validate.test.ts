/** Validation of the text of one file: its values, or the texts of its errors. */
import { describe, expect, test } from 'vitest';
import { ENDPOINT_FLAGS } from '../../src/netlink/mptcp/flag-words.ts';
import { formatProblem } from '../../src/rules/problem.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { validateFile } from '../../src/rules/validate.ts';

function problems(text: string): string[] {
  return validateFile({ file: 'f', text }, 'main').problems.map((each) => formatProblem(each));
}

/** Returns the only rule of a text without problems. */
function rule(value: string, glob = 'eth0'): Omit<Rule, 'origin' | 'glob'> {
  const file = validateFile({ file: 'f', text: `rules:\n  ${JSON.stringify(glob)}: ${value}\n` }, 'main');
  expect(file.problems.map((each) => formatProblem(each))).toEqual([]);
  const [{ origin: _origin, glob: _glob, ...rest } = expect.fail()] = file.rules;
  return rest;
}

const DEFAULTS = {
  ignore: false,
  flags: ['subflow'],
  port: null,
  families: ['ipv4', 'ipv6'],
  addresses: 'auto',
  perInterface: 1,
  routing: 'policy',
  checkRoute: true,
  tunnel: 'respect',
  driver: null,
  macAddress: null,
  path: null,
  table: null,
  linkLocal: false,
};

describe('a rule', () => {
  test.each<[string, Partial<Rule>]>([
    ['subflow', {}],
    ['[subflow]', {}],
    ['{flags: subflow}', {}],
    ['subflow backup', { flags: ['subflow', 'backup'] }],
    ['subflow,backup', { flags: ['subflow', 'backup'] }],
    ['"subflow, backup subflow"', { flags: ['subflow', 'backup'] }],
    ['[subflow, fullmesh]', { flags: ['subflow', 'fullmesh'] }],
    ['{flags: [subflow, fullmesh]}', { flags: ['subflow', 'fullmesh'] }],
    ['ignore', { flags: [], ignore: true }],
    ['{flags: ignore, driver: "cdc_*"}', { flags: [], ignore: true, driver: 'cdc_*' }],
    ['signal', { flags: ['signal'], perInterface: Infinity }],
    ['{flags: signal, port: 4433}', { flags: ['signal'], port: 4433, perInterface: Infinity }],
    ['{flags: signal, per-interface: 2}', { flags: ['signal'], perInterface: 2 }],
    ['signal backup', { flags: ['signal', 'backup'], perInterface: Infinity }],
    ['signal subflow', { flags: ['signal', 'subflow'], perInterface: Infinity }],
    ['laminar', { flags: ['laminar'] }],
    ['{flags: subflow, per-interface: all}', { perInterface: Infinity }],
    ['{flags: subflow, families: [ipv6]}', { families: ['ipv6'] }],
    ['{flags: subflow, families: [ipv6, ipv4]}', { families: ['ipv6', 'ipv4'] }],
    ['{flags: subflow, families: ipv4}', { families: ['ipv4'] }],
    ['{flags: subflow, addresses: stable}', { addresses: 'stable' }],
    ['{flags: subflow, addresses: temporary}', { addresses: 'temporary' }],
    ['{flags: subflow, addresses: all}', { addresses: 'all' }],
    ['{flags: subflow, routing: main}', { routing: 'main' }],
    ['{flags: subflow, check-route: false}', { checkRoute: false }],
    ['{flags: subflow, driver: "cdc_*|qmi_wwan"}', { driver: 'cdc_*|qmi_wwan' }],
    ['{flags: subflow, match: {driver: "cdc_*"}}', { driver: 'cdc_*' }],
    ['{flags: subflow, match: {mac-address: "0C:5B:8F:*"}}', { macAddress: '0c:5b:8f:*' }],
    ['{flags: ignore, match: {path: "pci-*-usb-*"}}', { flags: [], ignore: true, path: 'pci-*-usb-*' }],
    ['{flags: subflow, table: auto}', {}],
    ['{flags: subflow, table: 4294967295}', { table: 4294967295 }],
    ['{flags: subflow, link-local: true}', { linkLocal: true }],
    ['{flags: subflow, tunnel: bypass}', { tunnel: 'bypass' }],
  ])('%s', (value, expected) => expect(rule(value)).toEqual({ ...DEFAULTS, ...expected }));

  test('globs that YAML reads as another type stay as written, in order', () => {
    const text =
      'rules:\n  z: subflow\n  1: subflow\n  0x10: subflow\n  true: subflow\n  __proto__: ignore\n  null: subflow\n';
    const { rules, problems: wrong } = validateFile({ file: 'f', text }, 'main');
    expect(wrong).toEqual([]);
    expect(rules.map(({ glob }) => glob)).toEqual(['z', '1', '0x10', 'true', '__proto__', 'null']);
  });

  test('may be an alias of an anchor', () => {
    const { rules, problems: wrong } = validateFile(
      { file: 'f', text: 'rules: {a: &x {flags: signal}, b: *x}' },
      'main',
    );
    expect(wrong).toEqual([]);
    expect(rules.map(({ flags }) => flags)).toEqual([['signal'], ['signal']]);
  });

  test('has its file, line and column', () => {
    const { rules } = validateFile({ file: 'f', text: '\n\nrules:\n    eth0: subflow\n' }, 'main');
    expect(rules[0]?.origin).toEqual({ file: 'f', line: 4, column: 5 });
  });
});

describe('an invalid rule', () => {
  const FLAGS = `one or more of: ${ENDPOINT_FLAGS.join(', ')}, ignore`;
  const TABLE = 'auto, or a number from 1 to 4294967295 other than 253 to 255';
  test.each([
    // What the kernel would refuse
    ['signal fullmesh', 6, 'signal with fullmesh; expected one of the two: the kernel refuses both together'],
    ['{flags: signal subflow fullmesh}', 14, 'signal with fullmesh'],
    ['backup', 6, 'backup alone; expected subflow backup or signal backup'],
    ['{flags: [backup]}', 14, 'backup alone'],
    ['fullmesh', 6, 'fullmesh without subflow'],
    ['{flags: subflow, port: 1}', 29, 'a port without signal'],
    ['{flags: signal subflow, port: 1}', 36, 'a port with subflow'],
    ['{flags: ignore, port: 1}', 28, 'a port with ignore'],
    ['ignore subflow', 6, 'ignore together with other flags'],
    ['{flags: signal, port: 0}', 28, '"0"; expected a port from 1 to 65535'],
    ['{flags: signal, port: 65536}', 28, '"65536"; expected a port'],
    ['{flags: signal, port: "80"}', 28, '"80"; expected a port'],
    // No flags
    ['', 6, 'nothing; expected flags, a list of flags, or a map with "flags"'],
    ['""', 6, `""; expected ${FLAGS}`],
    ['[]', 6, `an empty list; expected ${FLAGS}`],
    ['{}', 6, `no "flags"; expected ${FLAGS}`],
    ['{port: 1}', 6, `no "flags"; expected ${FLAGS}`],
    ['true', 6, '"true"; expected flags'],
    ['[[subflow]]', 7, `a list; expected ${FLAGS}`],
    // Misspelt
    ['sublfow', 6, `"sublfow"; expected ${FLAGS}; did you mean "subflow"?`],
    ['subflow, bakup', 6, `"bakup"; expected ${FLAGS}; did you mean "backup"?`],
    ['[subflow, bakup]', 16, `"bakup"; expected ${FLAGS}; did you mean "backup"?`],
    ['ignored', 6, `"ignored"; expected ${FLAGS}; did you mean "ignore"?`],
    ['{flag: subflow, flags: subflow}', 7, 'the unknown key "flag"; expected one of flags, port, families'],
    ['{flags: subflow, perInterface: 1}', 23, 'did you mean "per-interface"?'],
    ['{flags: subflow, check_route: true}', 23, 'did you mean "check-route"?'],
    [
      '{flags: subflow, addresses: stabel}',
      34,
      '"stabel"; expected one of auto, stable, temporary, all; did you mean "stable"?',
    ],
    ['{flags: subflow, routing: polcy}', 32, 'did you mean "policy"?'],
    [
      '{flags: subflow, families: [ipv5]}',
      34,
      '"ipv5"; expected one or both of: ipv4, ipv6; did you mean "ipv4"?',
    ],
    // Values
    ['{flags: subflow, per-interface: 0}', 38, '"0"; expected a number from 1 to 255, or all'],
    ['{flags: subflow, per-interface: 1.5}', 38, '"1.5"; expected a number from 1'],
    ['{flags: subflow, check-route: yes}', 36, '"yes"; expected true or false'],
    ['{flags: subflow, table: 0}', 30, `"0"; expected ${TABLE}`],
    ['{flags: subflow, table: 4294967296}', 30, `"4294967296"; expected ${TABLE}`],
    ['{flags: subflow, table: 254}', 30, 'table 254, which is the kernel\'s "main"'],
    ['{flags: subflow, table: main}', 30, `"main"; expected ${TABLE}`],
    ['{flags: subflow, driver: "["}', 31, '"[" without "]"'],
    ['{flags: subflow, match: {path: "["}}', 37, '"[" without "]"'],
    [
      '{flags: subflow, match: {mac: "0c:*"}}',
      31,
      'the unknown key "mac"; expected one of driver, mac-address, path',
    ],
    [
      '{flags: subflow, match: {}}',
      30,
      'an empty map; expected a map with "driver", "mac-address" or "path"',
    ],
    ['{flags: subflow, match: {driver: a}, driver: b}', 51, 'driver both in the rule and in its match'],
    ['{flags: subflow, driver: ~}', 31, 'nothing; expected a glob'],
    // YAML that is not a configuration
    ['!!js/function subflow', 20, 'the tag "!!js/function"'],
    ['!!str subflow', 12, 'the tag "!!str"'],
    ['*none', 6, 'the unknown alias "*none"'],
    ['{<<: {flags: subflow}, flags: subflow}', 7, 'the unknown key "<<"'],
    ['{flags: subflow, flags: signal}', 23, 'the key "flags" a second time, after line 2'],
    ['{? {a: b} : c, flags: subflow}', 9, 'something that is not a key'],
  ])('%s', (value, column, text) => {
    const found = problems(`rules:\n  a: ${value}\n`);
    expect(found.join('\n')).toContain(text);
    expect(found[0]).toMatch(new RegExp(`^f:2:${column}: found `));
  });

  test.each(['wwan*', 'wwan?', 'wwan[0]', 'a|b'])(
    'link-local: true for %s, which is not a single interface',
    (glob) => {
      const found = problems(`rules:\n  "${glob}": {flags: subflow, link-local: true}`);
      expect(found).toEqual([
        expect.stringContaining('link-local: true in a rule for more than one interface'),
      ]);
    },
  );

  test.each(['', 'a||b', '[z', 'a b', 'a/b'])('the glob %j', (glob) => {
    expect(problems(`rules:\n  "${glob}": subflow`)).toEqual([expect.stringMatching(/^f:2:3: found /)]);
  });

  test('gives all of its errors', () => {
    const found = problems(
      'rules:\n  "[a": {flags: signal fullmesh, port: 0, tabel: 1, table: 255, driver: "|"}',
    );
    expect(found.map((each) => each.split(':')[2])).toEqual(['3', '17', '40', '43', '60', '73']);
  });
});

describe('limits', () => {
  test.each([
    ['auto', 'auto'],
    ['leave', 'leave'],
    ['{subflows: 8, add-addr-accepted: 0}', { subflows: 8, addAddrAccepted: 0 }],
    ['{subflows: 3}', { subflows: 3, addAddrAccepted: null }],
  ])('%s', (text, limits) => {
    expect(validateFile({ file: 'f', text: `limits: ${text}` }, 'main')).toMatchObject({
      limits,
      problems: [],
    });
  });

  test.each([
    ['', 'nothing; expected auto, leave, or a map'],
    ['8', '"8"; expected auto, leave, or a map'],
    ['{}', 'a map of no limit'],
    ['atuo', 'did you mean "auto"?'],
    ['{subflow: 1}', 'did you mean "subflows"?'],
    ['{subflows: -1}', '"-1"; expected a number from 0 to 255'],
    ['{subflows: all}', '"all"; expected a number'],
  ])('%s is wrong', (text, found) =>
    expect(problems(`limits: ${text}`)).toEqual([expect.stringContaining(found)]),
  );
});

describe('hooks', () => {
  test.each([
    ['{timeout: 30s}', { timeout: 30_000, user: 'root' }],
    ['{timeout: 500ms}', { timeout: 500 }],
    ['{timeout: 1.5s}', { timeout: 1500 }],
    ['{timeout: 2m}', { timeout: 120_000 }],
    ['{timeout: 2 min}', { timeout: 120_000 }],
    ['{timeout: 24h}', { timeout: 86_400_000 }],
    ['{timeout: 5}', { timeout: 5000 }],
    ['{user: root}', { user: 'root' }],
    ['{user: 0}', { user: '0' }],
    ['{path: /a}', { path: ['/a'] }],
    ['{path: [/a, /b]}', { path: ['/a', '/b'] }],
    [
      '{}',
      { timeout: 30_000, user: 'root', path: ['/etc/multihomed/hooks.d', '/usr/lib/multihomed/hooks.d'] },
    ],
  ])('%s', (text, hooks) => {
    expect(validateFile({ file: 'f', text: `hooks: ${text}` }, 'main')).toMatchObject({
      hooks,
      problems: [],
    });
  });

  test.each([
    ['{timeout: 0}', '"0"; expected a duration'],
    ['{timeout: 0s}', '"0s"; expected a duration'],
    ['{timeout: 25h}', '"25h"; expected a duration'],
    ['{timeout: 90000}', '"90000"; expected a duration'],
    ['{timeout: 30x}', '"30x"; expected a duration'],
    ['{timeout: .inf}', '".inf"; expected a duration'],
    ['{timout: 30s}', 'did you mean "timeout"?'],
    [
      '{user: nobdoy}',
      'the user "nobdoy", who does not exist; expected a user of /etc/passwd; did you mean "nobody"?',
    ],
    ['{user: 4000000000}', 'the user "4000000000", who does not exist'],
    ['{path: hooks.d}', '"hooks.d"; expected an absolute folder'],
    ['{path: [/a, b]}', '"b"; expected an absolute folder'],
    ['{path: []}', 'an empty list; expected an absolute folder'],
    ['root', '"root"; expected a map with "timeout", "user" or "path"'],
  ])('%s is wrong', (text, found) =>
    expect(problems(`hooks: ${text}`)).toEqual([expect.stringContaining(found)]),
  );
});

describe('a file', () => {
  test.each([
    ['- a', '1:1: found a list; expected a map with "rules", "limits", "hooks" or "health"'],
    ['text', '1:1: found a value; expected a map'],
    ['rules: [a]', '1:8: found a list; expected a map of globs'],
    [
      'rule: {}',
      '1:1: found the unknown key "rule"; expected one of rules, limits, hooks, health; did you mean "rules"?',
    ],
    ['$import: /etc/passwd', '1:1: found the unknown key "$import"'],
    ['rules: {}\n---\nrules: {}', '2:1: found a second document'],
    ['rules:\n\ta: subflow', '2:1: not valid YAML: tabs are not allowed as indentation'],
    ['%YAML 1.1\n---\nrules: {}', 'found a %YAML 1.1 directive'],
    ['rules: {}\nrules: {}', '2:1: found the key "rules" a second time, after line 1'],
    ['"a\u001b[31m": 1', 'found the unknown key "a\\u001b[31m"'],
    ['"a\u202e\u009b": 1', 'found the unknown key "a\\u202e\\u009b"'],
  ])('%j', (text, found) => expect(problems(text).join('\n')).toContain(found));

  test('JSON may be indented by tabs', () => {
    expect(problems('{\n\t"rules": {\n\t\t"a": "subflow"\n\t}\n}\n')).toEqual([]);
  });
});

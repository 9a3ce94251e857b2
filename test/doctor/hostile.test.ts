/** Pastes every printed remedy into real shells, with names that contain shell syntax. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { moveRule } from '../../src/doctor/edit.ts';
import { openHook } from '../../src/hooks/discover.ts';
import { isRefusal, openTrusted } from '../../src/system/trust.ts';
import { remedyText, type Remedy } from '../../src/system/shell-quote.ts';
import { facts, link, policyRule, snapshot } from './facts.ts';
import type { Explanation } from '../../src/messages/explain.ts';
import { coded, type Reason } from '../../src/plan/reason.ts';

const SHELLS = ['bash', 'zsh', 'dash', 'busybox'].filter(
  (name) => spawnSync(name, ['true']).error === undefined,
);
/** Shells that know `$'…'`; dash reads it as harmless text. */
const MODERN = ['bash', 'zsh', 'busybox'];

/** Names that the kernel takes for an interface: any bytes but a slash and white space, 15 at most. */
const NAMES = [
  ...[
    'x;id>pwned',
    '$(id>pwned)',
    '`id>pwned`',
    "';id>pwned;'",
    '"|id>pwned;"',
    '&&id>pwned',
    '-rf',
    '--help',
  ],
  ...[
    '\x1b]0;id>pwned\x07',
    "a\x01';id>pwned",
    '\u202Egpj.exe',
    "\\';id>pwned;'",
    '%s%n\\n',
    '~root',
    '*',
    'a=b',
    '#x',
    '=ls',
  ],
];
const PROGRAMS = ['chmod', 'chown', 'ip', 'sysctl', 'systemctl', 'sed', 'nmcli', 'networkctl', 'multihomed'];

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'multihomed-hostile-'));
  const programs = join(folder, 'programs');
  mkdirSync(programs);
  for (const name of PROGRAMS) {
    // Shells can only write a NUL with printf(1); each call appends one name.
    const script = `#!/bin/sh\nprintf '%s\\0' '${name}' "$@" '' >>"$LOG"\n`;
    writeFileSync(join(programs, name), script);
    chmodSync(join(programs, name), 0o755);
  }
  symlinkSync(execFileSync('which', ['mkdir'], { encoding: 'utf8' }).trim(), join(programs, 'mkdir'));
  symlinkSync(execFileSync('which', ['id'], { encoding: 'utf8' }).trim(), join(programs, 'id'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Returns every finding that names an interface, on a host with an interface of this name. */
function remediesFor(name: string): Remedy[] {
  const one = snapshot();
  const [eth1, eth2] = [link(1, name, { flags: 0x1002, usable: false }), link(2, name)];
  const conf = `ipv4.conf.${name}.rp_filter`;
  const ipv6 = { [`ipv6.conf.${name}.disable_ipv6`]: '1' };
  const rules = 'rules: { "*": { flags: subflow, routing: main } }';
  const answers = new Map(
    [...one.lookups].map(([key, each]) => [
      key,
      { ...each, default: null, missing: { code: 'other-interface' as const } },
    ]),
  );
  const all = [
    facts({ rules, snapshot: { links: new Map([[2, eth2]]) }, sysctls: { [conf]: '1', ...ipv6 } }),
    facts({
      rules,
      snapshot: { links: new Map([[1, eth1]]) },
      view: { explanations: explained(name, 'no carrier', { code: 'link-down' }) },
    }),
    facts({
      rules,
      snapshot: { links: new Map([[2, eth2]]), lookups: answers },
      view: {
        explanations: explained(name, 'no default route', {
          ...{ code: 'no-default-route', interface: name, missing: null },
        }),
      },
    }),
    facts({
      snapshot: { policyRules: [policyRule({ priority: 8681, iif: name, oif: name })] },
    }),
  ];
  const found = all
    .flatMap((each) => diagnose(each))
    .flatMap(({ remedy, permanentRemedy }) => [remedy, permanentRemedy]);
  return [...found, ...filesFor(name)].filter((each) => each !== null);
}

const explained = (name: string, state: string, reason: Reason): Explanation[] => [
  {
    interface: name,
    rules: [],
    advice: null,
    uplinks: [
      {
        address: '10.2.0.2',
        state,
        reason: 'no default route',
        ...coded(reason),
        stays: null,
        steps: [],
        advice: null,
        remedy: null,
      },
    ],
  },
];

/** Files of that name that are refused, and a rule in one of them that is to be moved. */
function filesFor(name: string): Remedy[] {
  const path = join(folder, `${name};touch pwned`);
  const refused = [0o666, 0o644, 0o4755, 0o2755].map((mode) => {
    writeFileSync(path, '');
    chmodSync(path, mode);
    const answer = mode === 0o666 ? openTrusted(path) : openHook(path);
    rmSync(path);
    if (!isRefusal(answer) || answer.remedy === null) throw new Error(`${mode} is not refused`);
    return [answer.remedy];
  });
  const text = `rules:\n  "*": ignore\n  "e\\\\*": subflow # ${name}\n`;
  const moved = moveRule(
    new Map([[path, text]]),
    { file: path, line: 3, column: 1 },
    { file: path, line: 2, column: 1 },
  );
  return moved === null ? refused : [...refused, moved];
}

/** Pastes all of them, in a folder and with an /etc of the test. */
function paste(
  shell: string,
  texts: readonly string[],
): { calls: string[][]; left: string[]; etc: string[] } {
  const here = mkdtempSync(join(folder, 'here-'));
  const log = join(folder, `log-${shell}`);
  rmSync(log, { force: true });
  const script = join(folder, `script-${shell}`);
  writeFileSync(script, texts.map((text) => `${text}\n`).join(''));
  // The files that a remedy writes are read before the mount is gone.
  const outer = `mount -t tmpfs tmpfs /etc && cd "$1" && PATH="$2" LOG="$3" "$5" ${shell === 'busybox' ? 'sh' : ''} "$4"
    find /etc -type f -exec cat {} +`;
  const program = execFileSync('which', [shell], { encoding: 'utf8' }).trim();
  const run = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', outer, 'sh', here, join(folder, 'programs'), log, script, program],
    { encoding: 'utf8' },
  );
  const calls = (existsSync(log) ? readFileSync(log, 'utf8') : '')
    .split('\0\0')
    .filter((each) => each !== '');
  return {
    calls: calls.map((each) => each.split('\0')),
    left: readdirSync(here),
    etc: run.stdout.split('\n').filter((line) => line !== ''),
  };
}

test.each(SHELLS)('%s runs each remedy and no command from a name', (shell) => {
  const remedies = NAMES.flatMap(remediesFor);
  const texts = remedies.map(remedyText).filter((text) => text !== null);
  expect(texts.length).toBeGreaterThan(NAMES.length * 8);
  const { calls, left, etc } = paste(shell, texts);
  expect(left).toEqual([]);
  const programs = remedies.flat().filter(({ argv }) => PROGRAMS.includes(argv[0]!));
  if (MODERN.includes(shell)) expect(calls).toEqual(programs.map(({ argv }) => argv));
  else expect(calls.map((argv) => argv.length)).toEqual(programs.map(({ argv }) => argv.length));
  const lines = remedies
    .flat()
    .filter(({ output }) => output?.startsWith('/etc/'))
    .flatMap(({ argv }) => argv.slice(2));
  expect([...new Set(etc)].sort()).toEqual([...new Set(lines)].sort());
  // They have no control character and no bidirectional one.
  for (const text of texts) expect(text).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});

test('no command is printed for a name whose bytes are lost', () => {
  expect(remedyText([{ argv: ['chmod', '+x', '/etc/\uFFFD'] }])).toBeNull();
  expect(remedyText([{ argv: ['chmod', '+x', '/etc/\0'] }])).toBeNull();
});

/**
 * Interfaces with every byte that the kernel accepts in a name, and with names that have a meaning to other programs.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { command, MAIN } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { test } from '../support/lab.ts';

/** dev_valid_name(): neither `/` nor `:` nor isspace(), which includes 0xa0 in the kernel; `%` is a pattern. */
const FORBIDDEN = new Set([0x25, 0x2f, 0x3a, 0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0xa0]);
const BYTES = Array.from({ length: 255 }, (_, i) => i + 1)
  .filter((byte) => !FORBIDDEN.has(byte))
  .map((byte) => Buffer.from([0x65, byte, 0x30]));

/** These have a provider, an address and a default route. */
const CONNECTED = ['$(reboot)', '\u001b[2J', 'a\u202eb', "x';halt;'", 'ü1'].map((name) => Buffer.from(name));
const WORDS = [
  '-rf',
  '`id`',
  '*',
  '[a-z]',
  '__proto__',
  'constructor',
  '...',
  '\u009b31m',
  '\\n',
  '&&',
  'x"',
];

/**
 * `ip` reads its words from standard input, where they may have any bytes; there, `#` begins a comment, and a quote at
 * the beginning of a word quotes it.
 */
function ip(lab: Lab, lines: readonly (readonly (string | Buffer)[])[]): void {
  const input = Buffer.concat(
    lines.flatMap((words) => [
      ...words.flatMap((word) => [Buffer.from(word), Buffer.from(' ')]),
      Buffer.from('\n'),
    ]),
  );
  execFileSync('ip', ['-n', lab.host.name, '-batch', '-'], { input, stdio: ['pipe', 'ignore', 'inherit'] });
}

/** Characters that move a cursor, colour a terminal, reverse the direction of a line or end it. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const unfit = (text: string): string[] => text.split('\n').filter((line) => UNFIT.test(line));

test(
  'hostile names of interfaces: every uplink works, and no name reaches a terminal unescaped',
  { timeout: 120_000 },
  async ({ lab }) => {
    const plain = BYTES.filter((name) => !name.includes(0x23));
    ip(lab, [
      ...plain.map((name) => ['link', 'add', 'name', name, 'type', 'bridge']),
      ...WORDS.map((name) => ['link', 'add', 'name', name, 'type', 'bridge']),
      ...CONNECTED.flatMap((name, i) => [
        ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `far${i}`, 'netns', lab.provider.name],
        ['link', 'set', 'dev', name, 'up'],
        ['address', 'add', `10.${i}.0.2/24`, 'dev', name],
      ]),
    ]);
    lab.host.ip('link add name e#0 type bridge');
    for (const i of CONNECTED.keys()) lab.provider.ip(`link set far${i} up`);
    ip(
      lab,
      CONNECTED.map((name, i) => [
        'route',
        'add',
        'default',
        'via',
        `10.${i}.0.1`,
        'dev',
        name,
        'metric',
        `${100 + i}`,
      ]),
    );
    const hooks = join(lab.folder, 'hooks');
    mkdirSync(hooks);
    writeFileSync(join(hooks, '10-hook'), '#!/bin/sh\nprintf "ran %s of <%s>\\n" "$2" "$1"\n');
    chmodSync(join(hooks, '10-hook'), 0o755);
    const rules = JSON.stringify({ rules: { '*': 'subflow' }, hooks: { path: hooks } });
    const daemon = await lab.daemon(rules, { args: ['--debug'] });
    // iproute2 writes these names unescaped into its JSON, which is then invalid.
    const endpoints = (): number => lab.host.ip('mptcp endpoint show').split(' id ').length - 1;
    await expect.poll(endpoints).toBe(CONNECTED.length);

    const status = await daemon.status();
    expect(
      status?.uplinks
        .filter(({ state }) => state === 'active')
        .map((each) => each.interface)
        .sort(),
    ).toEqual(CONNECTED.map(String).sort());
    expect(new Set(status?.uplinks.map(({ ifindex }) => ifindex)).size).toBe(
      BYTES.length + WORDS.length + CONNECTED.length,
    );
    const outputs: Record<string, string> = {};
    const keep = async (...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await daemon.command(...args);
      outputs[args.join(' ')] = stdout + stderr;
      expect(stderr, args.join(' ')).not.toContain('internal error');
      if (args[0] !== 'doctor') expect([args, code]).toEqual([args, 0]);
    };
    await keep('status');
    await keep('doctor', '--config', daemon.config);
    await keep('explain', '--', '-rf');
    await keep('endpoint', 'show');

    const ran = (): string[] =>
      [...daemon.log.matchAll(/ran (\S+) of <(.*)>/g)].map(([, action, name]) => `${action} ${name}`);
    // Neither the escape sequence nor the reversed line is printed; the visible characters are. Hooks run in parallel.
    await expect.poll(ran).toEqual(expect.arrayContaining(['up $(reboot)', "up x';halt;'"]));
    expect(ran().join()).not.toContain('2J');
    outputs['the log'] = daemon.log;
    expect((await daemon.stop()).code).toBe(0);
    for (const [what, output] of Object.entries(outputs)) expect([what, unfit(output)]).toEqual([what, []]);
  },
);

// Advice is a command for a user to type.
test('explain: no name is unescaped in advice', async ({ lab }) => {
  const names = ['e\u00010', 'x;reboot'];
  ip(
    lab,
    names.map((name) => ['link', 'add', 'name', name, 'type', 'bridge']),
  );
  const config = join(lab.folder, 'config.yaml');
  writeFileSync(config, 'rules: {"*": subflow}', { mode: 0o644 });
  for (const name of names) {
    const { code, stdout } = await command(lab.host, ['explain', '--config', config, '--', name]);
    expect(code).toBe(0);
    expect(unfit(stdout)).toEqual([]);
    expect(stdout).not.toContain('set x;reboot up');
  }
});

/** Milliseconds for each name, which is another process and slow when many tests run. */
const MANY_COMMANDS_MS = 180_000;

/**
 * Unfit for a terminal: C0, C1, a line separator, a soft hyphen, bidirectional controls; and names of built-in object
 * properties.
 */
const HARMFUL = ['a\u001b[2Jb', 'c\u009b31md', 'e\u2028f', 'g\u00adh', 'i\u202ej', 'k\u2066l', 'm\u007fn'];
const OF_OBJECTS = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

test('every command escapes names, as text and as JSON', { timeout: MANY_COMMANDS_MS }, async ({ lab }) => {
  const names = [...HARMFUL, ...OF_OBJECTS];
  ip(
    lab,
    names.flatMap((name, i) => [
      ['link', 'add', 'name', name, 'type', 'veth', 'peer', 'name', `far${i}`, 'netns', lab.provider.name],
      ['link', 'set', 'dev', name, 'up'],
      ['address', 'add', `10.${i}.0.2/24`, 'dev', name],
    ]),
  );
  for (const i of names.keys()) lab.provider.ip(`link set far${i} up`);
  ip(
    lab,
    names.map((name, i) => [
      ...['route', 'add', 'default', 'via', `10.${i}.0.1`, 'dev', name, 'metric', `${100 + i}`],
    ]),
  );
  const config = join(lab.folder, 'config.yaml');
  writeFileSync(config, 'rules: {"*": subflow}', { mode: 0o644 });
  /** Returns the output without line feeds at the ends of JSON documents. */
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await command(lab.host, args);
    expect([args, unfit(stdout + stderr)]).toEqual([args, []]);
    expect(stderr, args.join(' ')).not.toContain('internal error');
    if (args[0] !== 'doctor') expect([args, code, stderr]).toEqual([args, 0, expect.anything()]);
    return stdout;
  };
  /** Returns the interfaces that a JSON text has, as a program reads it. */
  const named = (text: string): string[] => {
    const read = JSON.stringify(JSON.parse(text));
    return names.filter((name) => read.includes(JSON.stringify(name).slice(1, -1)));
  };
  const rules = ['--config', config];
  // Older kernels hold only eight endpoints.
  for (const args of [['plan'], ['status'], ['doctor']]) {
    await run(...args, ...rules);
    const json = await run(...args, '--json', ...rules);
    if (args[0] === 'status') expect(named(json)).toEqual(names);
    if (args[0] === 'plan') expect(named(json)).not.toEqual([]);
  }
  await Promise.all(
    names.map(async (name) => {
      await run('explain', ...rules, '--', name);
      expect(named(await run('explain', '--json', ...rules, '--', name))).toContain(name);
    }),
  );
  await run('run', '--once', ...rules);
  await run('endpoint');
  expect(named(await run('endpoint', '--json'))).not.toEqual([]);
  for (const json of [[], ['--json']]) {
    const watching = lab.host.spawn(process.execPath, [MAIN, 'watch', ...json, ...rules]);
    let text = '';
    watching.stdout?.setEncoding('utf8').on('data', (part: string) => (text += part));
    await expect.poll(() => text).toContain(json.length > 0 ? '"problems"' : 'hasOwnProperty');
    watching.stdout?.destroy();
    expect([json, unfit(text)]).toEqual([json, []]);
  }
  const removed = await run('flush', '--json');
  expect(named(removed)).not.toEqual([]);
  await run('run', '--once', ...rules);
  await run('flush');
});

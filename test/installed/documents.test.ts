/** Runs every block of commands in the README, in manual pages and in --help on an installed copy. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { EXAMPLES } from '../../src/commands/help.ts';
import { examples } from '../docs/manual.ts';
import { finished } from '../support/daemon.ts';
import { HOME, test as onHost, type HostFiles } from '../support/host-files.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(`${PROJECT}/README.md`, 'utf8');
const PACKAGE = JSON.parse(readFileSync(`${PROJECT}/package.json`, 'utf8')) as {
  scripts: Record<string, string>;
};

/** The fenced blocks of the README in this language. */
const blocks = (language: string): string[] =>
  [...README.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, found, text = '']) =>
    found === language ? [text] : [],
  );

/** For a title: the first line of each, and the text. */
const titled = (texts: readonly string[]): (readonly [string, string])[] =>
  texts.map((text) => [
    text
      .replace(/^#!.*\n/, '')
      .split('\n')[0]!
      .trim(),
    text,
  ]);

const WORK = '/usr/share/multihomed-work';
const RECORD = `${WORK}/record`;

/**
 * Commands that cannot run here are recorded: npm would download what is installed, systemd is not the first process,
 * and a user namespace has no ids for new users.
 */
const STAND_INS = ['npm', 'systemctl', 'systemd-sysusers']
  .map((name) => `${name}() { echo "${name} $*" >>${RECORD}; }\n`)
  .join('');

/** The host of the documents: Ethernet, a modem, and the files that the examples name. */
const test = onHost.extend<{ host: HostFiles }>({
  host: async ({ lab, files }, use) => {
    lab.cable('eth0', 0).connect();
    lab.cable('wwan0', 1).connect();
    files.write('/etc/multihomed/config.yaml', 'rules:\n  eth0: subflow\n  wwan0: subflow backup\n');
    for (const name of ['new.yaml', 'blue.yaml']) files.write(`${WORK}/${name}`, 'rules:\n  eth0: subflow\n');
    files.write(`${HOME}/.config/fish/completions/other.fish`, '');
    await use(files);
  },
});

/** Runs a line. A program that stays in the foreground is ended by SIGTERM after its first output, as by Ctrl-C. */
async function line(host: HostFiles, text: string): Promise<void> {
  const stays = /^multihomed run(?!.*--once)/.test(text);
  const child = host.spawn('bash', ['--norc', '-euc', stays ? `exec ${text}` : text], WORK);
  if (stays) child.stderr?.once('data', () => child.kill('SIGTERM'));
  const { code, stdout, stderr } = await finished(child);
  // doctor exits with 1 for a warning: no daemon runs.
  const expected = text.startsWith('multihomed doctor') ? 1 : 0;
  expect([text, code, stdout, stderr]).toEqual([text, expected, expect.anything(), expect.anything()]);
}

/** Waits for the daemon's first pass. */
async function start(host: HostFiles): Promise<{ reload(): void; stop(): Promise<void> }> {
  const child = host.spawn('multihomed', ['run'], WORK);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (data: string) => (log += data));
  const ended = finished(child);
  await expect.poll(() => log, { timeout: 20_000 }).toMatch(/eth0 10\.0\.0\.2: active/);
  return {
    reload: () => child.kill('SIGHUP'),
    async stop() {
      child.kill('SIGTERM');
      expect((await ended).code).toBe(0);
    },
  };
}

describe('README', () => {
  test('the first block names existing scripts of package.json', async ({ host }) => {
    await host.shell(STAND_INS + blocks('sh')[0], PROJECT);
    const scripts = host.read(RECORD).trim().split('\n');
    expect(scripts).toEqual(['npm ci', 'npm run demo', 'npm ci', 'npm test']);
    expect(Object.keys(PACKAGE.scripts)).toEqual(expect.arrayContaining(['demo', 'test']));
  });

  test.for(titled(blocks('yaml')))('the rules are valid: %s', async ([, text], { host }) => {
    host.write('/etc/multihomed/config.yaml', text);
    const { code, stderr } = await host.multihomed('check');
    expect([code, stderr]).toEqual([0, '']);
  });

  test('the blocks of Install install and remove every named file', async ({ lab, host }) => {
    const [, install = '', uninstall = ''] = blocks('sh');
    const { code, stderr, stdout } = await host.shell(STAND_INS + install, PROJECT);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('endpoint add 10.0.0.2 dev eth0 subflow');
    expect(host.read(RECORD).trim().split('\n')).toEqual([
      'npm ci',
      'npm install --global --prefix /usr --install-links .',
      'systemd-sysusers multihomed.conf',
      'systemctl enable --now multihomed',
    ]);
    const copies = [
      ...['multihomed.service', 'multihomed-hooks.service', 'multihomed-hooks.socket'].map(
        (name) => [`systemd/${name}`, `/etc/systemd/system/${name}`] as const,
      ),
      ['systemd/multihomed.sysusers.conf', '/usr/lib/sysusers.d/multihomed.conf'],
      ['systemd/multihomed.rt_protos.conf', '/etc/iproute2/rt_protos.d/multihomed.conf'],
      ['docs/multihomed.schema.json', '/usr/share/multihomed/multihomed.schema.json'],
    ] as const;
    for (const [from, to] of copies) expect(host.read(to)).toBe(readFileSync(`${PROJECT}/${from}`, 'utf8'));
    const check = await host.multihomed('check');
    expect([check.code, check.stdout]).toEqual([0, expect.stringMatching(/in [2-9] files/)]);
    const rest = await host.shell(
      'bash -n /etc/bash_completion.d/multihomed; systemd-analyze verify --man=no /etc/systemd/system/multihomed*',
    );
    expect([rest.code, rest.stderr]).toEqual([0, '']);
    const owned = await host.multihomed('run', '--once');
    expect([owned.code, lab.host.endpoints()]).toEqual([0, expect.arrayContaining([expect.anything()])]);
    const removed = await host.shell(STAND_INS + uninstall);
    expect([removed.code, removed.stderr, lab.host.endpoints(), lab.host.rules()]).toEqual([0, '', [], []]);
    const there = [...copies.map(([, to]) => to), '/usr/lib/multihomed', '/etc/bash_completion.d/multihomed'];
    expect(there.filter((name) => host.has(name))).toEqual([]);
    expect(host.read(RECORD).trim().split('\n').slice(4)).toEqual([
      'systemctl disable --now multihomed multihomed-hooks.socket multihomed-hooks',
      'npm uninstall --global --prefix /usr multihomed',
      'systemctl daemon-reload',
    ]);
  });
});

const MANUAL = examples('multihomed.8', 'EXAMPLES');

test.for(titled(MANUAL))('multihomed(8): the example runs: %s', async ([, text], { host }) => {
  const isScript = /^(until|for|if)/.test(text);
  // The script waits for an active uplink.
  if (isScript) await line(host, 'multihomed run --once');
  for (const each of isScript ? [text] : text.split('\n')) await line(host, each);
});

test.for(titled(examples('multihomed-hooks.7', 'EXAMPLES')))(
  'multihomed-hooks(7): the example runs as a hook: %s',
  async ([, text], { host }) => {
    host.write('/etc/multihomed/hooks.d/10-example', text, 0o755);
    if (host.has('/usr/bin/wall')) host.remove('/usr/bin/wall');
    host.write('/usr/bin/wall', `#!/bin/sh\necho "$*" >>${RECORD}\n`, 0o755);
    const daemon = await start(host);
    host.write('/etc/multihomed/config.yaml', 'rules:\n  wwan0: subflow backup\n');
    daemon.reload();
    const record = (): string => (host.has(RECORD) ? host.read(RECORD) : '');
    await expect.poll(record, { timeout: 20_000 }).toMatch(/^eth0 is lost: ./);
    await daemon.stop();
  },
);

/** Examples of --help with a test of their own, which provides what they need. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  demo: 'test/demo',
  monitor: 'test/commands/monitor.test.ts',
  'monitor --json': 'test/commands/monitor.test.ts',
  watch: 'test/watch/restored.test.ts',
  'doctor --peer server.example:443': 'test/doctor/setups.test.ts',
  'run --netns blue --config blue.yaml': 'test/kernel/run.test.ts',
  'status -n blue': 'test/kernel/run.test.ts',
  reload: 'test/kernel/pause.test.ts',
};

const HELP = Object.entries(EXAMPLES).map(
  ([path, lines]) => [path, lines.map(([text]) => text).filter((text) => !(text in ELSEWHERE))] as const,
);

test.for(HELP.filter(([, lines]) => lines.length > 0))(
  '--help: the examples of "%s" run',
  async ([path, lines], { lab, host }) => {
    // What these commands change or delete.
    if (/^endpoint($| change| show| delete)/.test(path))
      lab.host.ip('mptcp endpoint add 10.1.0.2 id 2 dev wwan0 subflow');
    const daemon = path === 'reload' ? await start(host) : null;
    for (const each of lines) await line(host, `multihomed ${each}`);
    await daemon?.stop();
  },
);

/** The system's configuration at its real paths, read by every command of an installed copy. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { expect } from 'vitest';
import type { StatusDocument } from '../../src/control/document.ts';
import { finished } from '../support/daemon.ts';
import { test, type HostFiles } from '../support/host-files.ts';

const YAML = 'rules:\n  eth0: subflow\n';

/** `STATE FLAGS` of each uplink that is not ignored, as the daemon with this pid reports it. */
async function states(files: HostFiles, pid: number | undefined): Promise<string[]> {
  const { code, stdout } = await files.multihomed('status', '--json');
  if (code !== 0) return [];
  const { daemon, uplinks } = JSON.parse(stdout) as StatusDocument;
  if (daemon?.pid !== pid) return [];
  return uplinks
    .filter(({ state }) => state !== 'ignored')
    .map(({ interface: name, state, flags }) => `${name} ${state} ${flags.join(',')}`)
    .sort();
}

/**
 * Runs `multihomed run` while `body` runs.
 * @returns its log
 */
async function whileRunning(
  files: HostFiles,
  body: (pid: number, log: () => string) => Promise<void>,
): Promise<void> {
  const child = files.spawn('multihomed', ['run']);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = finished(child);
  try {
    await body(child.pid ?? 0, () => log);
  } finally {
    child.kill();
    await ended;
  }
  expect([child.exitCode, log]).toEqual([0, expect.stringContaining('multihomed flush')]);
}

const FORMS = [
  ['config.yaml', YAML],
  ['config.yml', YAML],
  ['config.json', '{ "rules": {\n  "eth0": "subflow" } }'],
] as const;

test.for(FORMS)('/etc/multihomed/%s is read by every command', async ([name, text], { lab, files }) => {
  const path = `/etc/multihomed/${name}`;
  lab.cable('eth0').connect();
  files.write(path, text);
  expect(await files.multihomed('check')).toEqual({
    code: 0,
    stdout: '1 rule in 1 file: no errors\n',
    stderr: '',
  });
  const plan = await files.multihomed('plan');
  expect([plan.code, plan.stdout]).toEqual([
    0,
    expect.stringContaining('endpoint add 10.1.0.2 dev eth0 subflow'),
  ]);
  await whileRunning(files, async (pid, log) => {
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(['eth0 active subflow']);
    expect(log()).toContain(`1 rule from ${path}`);
    expect(lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
    expect((await files.multihomed('plan')).code).toBe(0);
    const explain = await files.multihomed('explain', 'eth0');
    expect([explain.code, explain.stdout]).toEqual([0, expect.stringContaining(`(${path}:2)`)]);
    const doctor = JSON.parse((await files.multihomed('doctor', '--json')).stdout) as {
      findings: { id: string; severity: string }[];
    };
    const of = (id: string): unknown => doctor.findings.find((each) => each.id === id)?.severity;
    expect([of('configuration'), of('daemon')]).toEqual(['ok', 'ok']);
    files.write(path, text.replace('subflow', 'subflow backup'));
    process.kill(pid, 'SIGHUP');
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(['eth0 active subflow,backup']);
    expect(lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow,backup']);
  });
});

test('an empty config.yaml and drop-ins in /etc and /usr/lib are merged', async ({ lab, files }) => {
  for (const device of ['eth0', 'eth1', 'eth2']) lab.cable(device).connect();
  files.write('/etc/multihomed/config.yaml', '');
  files.write('/usr/lib/multihomed/rules.d/10-a.yaml', 'rules: { eth0: subflow }');
  files.write('/etc/multihomed/rules.d/20-b.yaml', 'rules: { eth1: subflow backup }');
  files.write('/usr/lib/multihomed/rules.d/30-c.yaml', 'rules: { eth2: subflow }');
  symlinkSync('/dev/null', files.path('/etc/multihomed/rules.d/30-c.yaml'));
  const check = await files.multihomed('check');
  expect([check.code, check.stdout]).toEqual([0, expect.stringContaining('2 rules')]);
  await whileRunning(files, async (pid) => {
    const both = ['eth0 active subflow', 'eth1 active subflow,backup'];
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(both);
    files.remove('/etc/multihomed/rules.d/30-c.yaml');
    files.write('/etc/multihomed/rules.d/10-a.yaml', 'rules: { eth0: subflow backup }');
    process.kill(pid, 'SIGHUP');
    const all = ['eth0 active subflow,backup', 'eth1 active subflow,backup', 'eth2 active subflow'];
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(all);
  });
});

test('limits and hooks of config.yaml are applied', async ({ lab, files }) => {
  lab.cable('eth0').connect();
  files.write(
    '/etc/multihomed/config.yaml',
    `${YAML}limits: { subflows: 5, add-addr-accepted: 1 }\nhooks: { timeout: 20s }\n`,
  );
  files.write(
    '/etc/multihomed/hooks.d/10-record',
    '#!/bin/sh\necho "hook $1 $2" >>/etc/multihomed/record\n',
    0o755,
  );
  await whileRunning(files, async (pid) => {
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(['eth0 active subflow']);
    expect(lab.host.limits()).toEqual({ subflows: 5, accepted: 1 });
    const record = (): string =>
      files.has('/etc/multihomed/record') ? files.read('/etc/multihomed/record') : '';
    await expect.poll(record).toMatch(/ eth0 up$/m);
  });
});

test('an error in config.yaml: check and run name its position; reload keeps the old configuration', async ({
  lab,
  files,
}) => {
  lab.cable('eth0').connect();
  files.write('/etc/multihomed/config.yaml', YAML);
  await whileRunning(files, async (pid, log) => {
    await expect.poll(() => states(files, pid), { timeout: 20_000 }).toEqual(['eth0 active subflow']);
    files.write('/etc/multihomed/config.yaml', 'rules:\n  eth0: subfow\n');
    process.kill(pid, 'SIGHUP');
    await expect.poll(log, { timeout: 20_000 }).toContain('/etc/multihomed/config.yaml:2:9');
    expect(await states(files, pid)).toEqual(['eth0 active subflow']);
  });
  for (const words of [['check'], ['run', '--once'], ['plan']]) {
    const { code, stderr } = await files.multihomed(...words);
    expect([words, code, stderr]).toEqual([
      words,
      78,
      expect.stringMatching(/^\/etc\/multihomed\/config\.yaml:2:9: .*subflow/m),
    ]);
  }
});

test('a config.yaml that others can write is refused with the command that fixes it', async ({ files }) => {
  files.write('/etc/multihomed/config.yaml', YAML, 0o666);
  const { code, stderr } = await files.multihomed('check');
  expect([code, stderr]).toEqual([78, expect.stringContaining('chmod go-w /etc/multihomed/config.yaml')]);
  mkdirSync(files.path('/etc/multihomed/rules.d'), { mode: 0o755 });
  const corrected = await files.shell('chmod go-w /etc/multihomed/config.yaml && multihomed check');
  expect(corrected.code).toBe(0);
});

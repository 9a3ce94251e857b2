/** The doctor on the real kernel beyond the five set-ups: other faults, and facts that cannot be read. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FindingDocument as Finding } from '../../src/doctor/finding.ts';
import { command, MAIN } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { cured, diagnosed, found, obey, visit } from './visit.ts';

test('a healthy host: exit code 0', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ eth0: 'subflow' });
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
  for (let time = 0; time < 2; time++) {
    const { findings, code } = await visit(lab, daemon);
    const own = findings.filter(({ id }) => !['networkmanager', 'networkd'].includes(id));
    expect(own.filter(({ severity }) => severity !== 'ok')).toEqual([]);
    expect([0, 1]).toContain(code);
    expect(found({ findings, code, worst: '' }, 'loopback')?.text).toContain('uses MPTCP');
  }
});

test('a foreign policy rule before those of multihomed', async ({ lab }) => {
  const [first, second] = [lab.cable('eth0').connect(), lab.cable('eth1').connect()];
  lab.host.ip(`route add default via ${second.gateway()} dev eth1 table 77`);
  lab.host.ip(`rule add from ${first.address()} lookup 77 priority 100`);
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  const id = `uplink:eth0:${first.address()}`;
  await expect.poll(() => daemon.stateOf(first.address())).toMatch(/^conflict/);
  obey(lab, await diagnosed(lab, daemon, id));
  await cured(lab, daemon, id);
  await expect.poll(() => daemon.stateOf(first.address())).toMatch(/^active/);
  expect(lab.host.leaves('192.0.2.1', first.address())).toBe(`eth0 via ${first.gateway()}`);
});

test('the userspace path manager is enabled', async ({ lab }) => {
  lab.host.sysctl('net.mptcp.pm_type', 1);
  const daemon = await lab.daemon({ eth0: 'subflow' });
  obey(lab, await diagnosed(lab, daemon, 'path-manager'));
  await cured(lab, daemon, 'path-manager');
});

test('MPTCP is disabled, without a daemon', async ({ lab }) => {
  lab.host.sysctl('net.mptcp.enabled', 0);
  const config = join(lab.folder, 'rules.yaml');
  writeFileSync(config, 'rules: { eth0: subflow }\n', { mode: 0o644 });
  const look = async (): Promise<Finding | undefined> => {
    const { stdout } = await command(lab.host, ['doctor', '--json', '--config', config]);
    return (JSON.parse(stdout) as { findings: Finding[] }).findings.find(({ id }) => id === 'mptcp-enabled');
  };
  const finding = await look();
  expect(finding?.severity).toBe('fault');
  obey(lab, finding!);
  expect((await look())?.severity).toBe('ok');
});

test('a hook that others can write', async ({ lab }) => {
  const folder = join(lab.folder, 'hooks');
  const hook = join(folder, '10-tell');
  mkdirSync(folder, { mode: 0o755 });
  writeFileSync(hook, '#!/bin/sh\n');
  chmodSync(hook, 0o777);
  const daemon = await lab.daemon(`rules: { eth0: subflow }\nhooks: { path: ${folder} }\n`);
  obey(lab, await diagnosed(lab, daemon, `hook:${hook}`));
  await cured(lab, daemon, `hook:${hook}`);
});

test('errors in the configuration while a daemon uses the old one', async ({ lab }) => {
  lab.cable('eth0').up().addAddress();
  const daemon = await lab.daemon({ eth0: 'subflow' });
  daemon.configure('rules: { eth0: subflw }\n');
  const seen = await visit(lab, daemon);
  expect(found(seen, 'configuration:1')).toMatchObject({
    severity: 'fault',
    text: expect.stringContaining('"subflow"'),
  });
  expect(seen.findings.some(({ id }) => id.startsWith('uplink:eth0'))).toBe(true);
  expect(seen.code).toBe(3);
});

test('an ordinary user gets the same findings and a list of unreadable facts', async ({ lab, skip }) => {
  if (readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[2] === '1')
    skip('only one user is mapped here, so no other user can run a program');
  lab.cable('eth0').connect();
  const daemon = await lab.daemon({ eth0: 'subflow' });
  await expect.poll(() => daemon.stateOf('eth0')).toMatch(/^active/);
  // An ordinary user cannot see that network managers of other tests run in other networks, so they are hidden.
  const script = `unshare --pid --fork --mount-proc setpriv --reuid=65534 --regid=65534 --clear-groups ${process.execPath} ${MAIN} doctor --json --config ${daemon.config} || true`;
  let text = '';
  try {
    text = lab.host.sh(script);
  } catch (error) {
    throw new Error(String((error as { stderr?: unknown }).stderr), { cause: error });
  }
  if (text === '') skip('another user may not read this tree');
  const { findings } = JSON.parse(text) as { findings: Finding[] };
  const root = await visit(lab, daemon);
  const ids = root.findings.map(({ id }) => id);
  expect(findings.map(({ id }) => id).filter((id) => !id.startsWith('unread'))).toEqual(ids);
});

test('--report is written once, readable only by root', async ({ lab }) => {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon({ eth0: 'subflow' });
  const file = join(lab.folder, 'report.json');
  expect((await visit(lab, daemon, '--report', file)).worst).toBeDefined();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, 'utf8');
  const hardware = execFileSync('ip', ['-n', lab.host.name, '-br', 'link', 'show', 'eth0'], {
    encoding: 'utf8',
  }).split(/\s+/)[2]!;
  expect(hardware).toMatch(/:/);
  expect(text).not.toContain(hardware);
  const again = await command(lab.host, ['doctor', '--report', file, '--config', daemon.config]);
  expect(again).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('the file exists; choose another name'),
  });
  const lost = join(lab.folder, 'no-folder', 'report.json');
  const { stderr } = await command(lab.host, ['doctor', '--report', lost, '--config', daemon.config]);
  expect(stderr).toBe(`the report was not written to ${lost}: no such file or directory\n`);
});

test('addresses that this host announces to itself are not counted as those of peers', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ eth0: 'signal' });
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
  await visit(lab, daemon);
  expect(found(await visit(lab, daemon), 'limits-announced')).toBeUndefined();
});

test('without --config: reads the configuration of the running daemon', async ({ lab }) => {
  const daemon = await lab.daemon({ eth0: 'subflow' });
  const { stdout } = await command(lab.host, ['doctor', '--json']);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  expect(findings.find(({ id }) => id === 'configuration')?.text).toContain('1 rule in 1 file');
  expect((await daemon.status())?.daemon?.config).toBe(daemon.config);
});

test('a peer that cannot be resolved is an error', async ({ lab }) => {
  const { code, stderr } = await command(lab.host, ['doctor', '--peer', 'nowhere.invalid:22']);
  expect({ code, stderr }).toEqual({
    code: 64,
    stderr: expect.stringContaining('--peer: nowhere.invalid: name cannot be resolved: E'),
  });
});

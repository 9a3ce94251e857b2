/** Paths that die and come back while the link keeps its carrier; `ip` and `ss` are the oracle. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import type { Connection, Connections } from '../support/connections.ts';
import { test, type Lab } from '../support/lab.ts';
import { isKernelBefore } from '../support/kernel.ts';
import type { Line } from '../support/line.ts';

const RULES = { eth0: 'subflow', wwan0: 'subflow' };
const SUSPECT = /^suspect: no answer for \d+ ms while data was waiting/;

const timers: NodeJS.Timeout[] = [];
afterEach(() => timers.splice(0).forEach(clearInterval));

/** Sends as an application does that is busy. */
const keepBusy = (connection: Connection): void =>
  void timers.push(setInterval(() => connection.send('x'.repeat(2_000)), 5));

async function twoLines(lab: Lab, oneWay: number): Promise<[Line, Line]> {
  const lines = [await lab.line('eth0'), await lab.line('wwan0')] as const;
  for (const line of lines) {
    await line.delay(oneWay);
    line.cable.connect();
  }
  return [...lines];
}

async function openBoth(lab: Lab, connections: Connections): Promise<Connection> {
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const before = connections.subflows().length;
  const connection = await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(before + 2);
  return connection;
}

test('a dead path with carrier is suspect, and is used again when it works', async ({ lab }) => {
  const [eth] = await twoLines(lab, 5);
  const folder = join(lab.folder, 'hooks');
  const file = join(lab.folder, 'calls');
  mkdirSync(folder);
  writeFileSync(join(folder, '10-tell'), `#!/bin/sh\necho "$1 $2 $MULTIHOMED_REASON" >>${file}\n`);
  chmodSync(join(folder, '10-tell'), 0o755);
  const daemon = await lab.daemon(JSON.stringify({ rules: RULES, hooks: { path: folder } }));
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  keepBusy(connection);
  await connection.echo('before');
  // The router still answers ARP.
  await eth.cut('ip');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(SUSPECT);
  expect(await daemon.stateOf('wwan0')).toMatch(/^active/);
  await expect.poll(() => connections.subflows()).toEqual(['10.2.0.2']);
  await connection.echo('by the other');
  // Other traffic from the address is routed as before.
  expect(lab.host.ruleTexts().filter((words) => words.includes('10.1.0.2'))).not.toEqual([]);
  const uplink = await daemon.uplink('10.1.0.2');
  expect(uplink?.suspect).toMatchObject({ code: 'unanswered', strikes: 1, pause: 0 });
  const explained = await daemon.command('explain', 'eth0');
  expect(explained.stdout.replaceAll(/\s+/g, ' ')).toContain('while data was waiting');
  const calls = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  await expect.poll(calls).toMatch(/^eth0 down suspect: no answer for \d+ ms while data was waiting/m);
  await eth.restore();
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^active/);
  await expect.poll(() => connections.subflows()).toEqual(['10.1.0.2', '10.2.0.2']);
  await expect.poll(calls).toMatch(/eth0 up default route through 10\.1\.0\.1\n$/);
  expect(connection.error).toBeNull();
});

test('a connection with a single path keeps its subflow', async ({ lab }) => {
  const [eth] = await twoLines(lab, 5);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const before = lab.host.endpoints();
  // The server of this one refuses more subflows.
  lab.provider.ip('mptcp limits set subflows 0');
  const single = await connections.open('10.1.0.2');
  for (let word = 0; word < 5; word++) await single.echo(`word${word}`);
  await expect.poll(() => connections.subflows()).toEqual(['10.1.0.2']);
  lab.provider.ip('mptcp limits set subflows 8');
  const double = await openBoth(lab, connections);
  keepBusy(double);
  keepBusy(single);
  await eth.cut('all');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(SUSPECT);
  await double.echo('by the other');
  await expect.poll(() => connections.subflows()).toEqual(['10.1.0.2', '10.2.0.2']);
  expect(lab.host.endpoints()).toEqual(before);
  await eth.restore();
  await single.echo('lives');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^active/);
  expect(lab.host.endpoints()).toEqual(before);
  expect([single.error, double.error]).toEqual([null, null]);
});

test('a peer that is dead on all paths makes no uplink suspect', async ({ lab }) => {
  const [eth, wwan] = await twoLines(lab, 5);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  keepBusy(connection);
  await connection.echo('before');
  const before = lab.host.endpoints();
  await Promise.all([eth.cut('all'), wwan.cut('all')]);
  // Longer than a suspicion takes.
  for (let looks = 0; looks < 10; looks++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(lab.host.endpoints().length).toBeGreaterThan(0);
  }
  await Promise.all([eth.restore(), wwan.restore()]);
  await connection.echo('after');
  await expect
    .poll(() =>
      lab.host
        .endpoints()
        .map(({ address }) => address)
        .sort(),
    )
    .toEqual(before.map(({ address }) => address).sort());
  await expect.poll(() => daemon.stateOf('wwan0')).toMatch(/^active/);
  await expect.poll(() => daemon.stateOf('eth0')).toMatch(/^active/);
});

/** Resets a subflow from the server's side, as a NAT that has forgotten it would. */
const reset = (lab: Lab, address: string): string => lab.provider.sh(`ss -K dst ${address}`);

test('a reset subflow is opened again, and no other subflow is closed', async ({ lab }) => {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const first = await openBoth(lab, connections);
  const second = await openBoth(lab, connections);
  const mptcp = await lab.monitor('mptcp');
  const closed = (): string[] => mptcp.texts().filter((text) => /SF_CLOSED/.test(text));
  reset(lab, '10.2.0.2');
  // Until the resets have arrived, there are as many subflows as afterwards.
  await expect
    .poll(() => [closed().length, connections.subflows()], { timeout: 20_000 })
    .toEqual([2, ['10.1.0.2', '10.1.0.2', '10.2.0.2', '10.2.0.2']]);
  await first.echo('first');
  await second.echo('second');
  expect(closed().filter((text) => text.includes('saddr4=10.1.0.2'))).toEqual([]);
  expect(closed()).toHaveLength(2);
  const { stdout } = await daemon.command('status', '-v');
  expect(stdout).toMatch(
    /^wwan0 10\.2\.0\.2: 4 subflows established, 0 failed, 2 lost \(last: ECONNRESET, [^)]*\); 2 open \(/m,
  );
  const explained = await daemon.command('explain', 'wwan0');
  expect(explained.stdout).toContain('4 established, 2 lost (ECONNRESET)');
});

/** A busy connection over both uplinks, whose first path has just died. */
async function overDeadPath(lab: Lab) {
  const [eth] = await twoLines(lab, 5);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  keepBusy(connection);
  await connection.echo('before');
  await eth.cut('all');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(SUSPECT);
  return { daemon, connections, connection };
}

test('subflows that are reset on the last path that works are opened again', async ({ lab }) => {
  const { daemon, connections, connection } = await overDeadPath(lab);
  await connection.echo('by the other');
  await expect.poll(() => connections.subflows()).toEqual(['10.2.0.2']);
  reset(lab, '10.2.0.2');
  await connection.echo('by a new subflow');
  expect(await daemon.stateOf('eth0')).toMatch(SUSPECT);
  expect(connections.subflows()).toEqual(['10.2.0.2']);
});

test('detect: false ends a suspicion and starts none', async ({ lab }) => {
  const { daemon, connection } = await overDeadPath(lab);
  await daemon.reconfigure(JSON.stringify({ rules: RULES, health: { detect: false } }));
  await expect.poll(() => daemon.stateOf('eth0')).toMatch(/^active/);
  await connection.echo('by the other');
  expect(await daemon.stateOf('eth0')).toMatch(/^active/);
});

const NO_DATA_TIME = isKernelBefore(6, 10);
if (NO_DATA_TIME)
  console.log('skipped: before Linux 6.10 the kernel does not say when a connection got data');

const receiving = 'a host that only receives: a join tells a dead path from a server that pauses';
test.skipIf(NO_DATA_TIME)(receiving, async ({ lab }) => {
  const [eth] = await twoLines(lab, 5);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  const mptcp = await lab.monitor('mptcp');
  const joins = (): number => mptcp.texts().filter((text) => text.includes('SF_ESTABLISHED')).length;
  const before = lab.host.endpoints();
  const stream = (): NodeJS.Timeout => setInterval(() => connections.push('z'.repeat(12_000)), 5);
  timers.push(stream());
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  clearInterval(timers.pop());
  // The subflow of the try is closed again.
  await expect.poll(joins).toBeGreaterThan(0);
  await expect.poll(() => connections.subflows()).toEqual(['10.1.0.2', '10.2.0.2']);
  expect(lab.host.endpoints()).toEqual(before);
  expect(daemon.log).not.toContain('suspect');
  timers.push(stream());
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await eth.cut('ip');
  await expect
    .poll(() => daemon.stateOf('eth0'), { timeout: 20_000 })
    .toMatch(/^suspect: no data arrived for \d+ ms, and a new subflow got no answer/);
  expect((await daemon.uplink('10.1.0.2'))?.suspect).toMatchObject({ code: 'silent', strikes: 1 });
  await connection.echo('by the other');
  await eth.restore();
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^active/);
  await expect.poll(() => connections.subflows()).toEqual(['10.1.0.2', '10.2.0.2']);
  expect(connection.error).toBeNull();
});

test('an application that pauses makes no uplink suspect', async ({ lab }) => {
  await twoLines(lab, 15);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  const before = lab.host.endpoints();
  for (let burst = 0; burst < 6; burst++) {
    for (let message = 0; message < 20; message++) connection.send('y'.repeat(3_000));
    await connection.echo(`burst${burst}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(lab.host.endpoints()).toEqual(before);
  expect(daemon.log).not.toContain('suspect');
});

test('idle connections: a dead path is found with the first data, and not before', async ({ lab }) => {
  const [eth] = await twoLines(lab, 5);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  const connection = await openBoth(lab, connections);
  const before = lab.host.endpoints();
  await eth.cut('ip');
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(daemon.log).not.toContain('suspect');
  expect(lab.host.endpoints()).toEqual(before);
  keepBusy(connection);
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(SUSPECT);
  await connection.echo('by the other');
  await eth.restore();
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^active/);
  expect(connection.error).toBeNull();
});

test('1,000 connections: all go on when a path dies on which a few are busy', async ({ lab }) => {
  const [eth] = await twoLines(lab, 5);
  // A thousand joins at once: the kernel loses some of those that it answers by cookies.
  lab.provider.sysctl('net.ipv4.tcp_syncookies', 0);
  const daemon = await lab.daemon(RULES);
  const connections = await lab.connections();
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const opened: Connection[] = [];
  while (opened.length < 1_000) {
    const open = (): Promise<Connection> => connections.open('10.1.0.2');
    opened.push(...(await Promise.all(Array.from({ length: 100 }, open))));
  }
  await expect.poll(() => connections.subflows(), { timeout: 20_000 }).toHaveLength(2_000);
  opened.slice(0, 10).forEach(keepBusy);
  await opened[0]!.echo('before');
  await eth.cut('ip');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(SUSPECT);
  await Promise.all(opened.map((connection) => connection.echo('by the other')));
  await eth.restore();
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^active/);
  await expect.poll(() => connections.subflows(), { timeout: 20_000 }).toHaveLength(2_000);
  await Promise.all(opened.map((connection) => connection.echo('after')));
  expect(opened.filter(({ error }) => error !== null)).toEqual([]);
});

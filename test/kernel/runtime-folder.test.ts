/** The runtime folder that is removed while a daemon runs, and folders that earlier daemons left. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { StatusDocument } from '../../src/control/document.ts';
import { bootId } from '../../src/system/boot.ts';
import { RUNTIME } from '../../src/system/runtime-user.ts';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow' };
const NOW = { timeout: 10_000 };

const folderOf = (lab: Lab): string => dirname(lab.host.journal());

async function begun(lab: Lab): Promise<Daemon> {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints(), NOW).toHaveLength(1);
  return daemon;
}

interface Written {
  readonly endpoints: readonly { readonly id: number }[];
}

const written = (lab: Lab): Written => JSON.parse(readFileSync(lab.host.journal(), 'utf8')) as Written;

describe('the runtime folder is removed while the daemon runs', () => {
  test('is written again with the same journal, without a network event', async ({ lab }) => {
    const daemon = await begun(lab);
    const folder = folderOf(lab);
    const before = readFileSync(lab.host.journal(), 'utf8');
    rmSync(folder, { recursive: true });
    await expect.poll(() => existsSync(join(folder, 'control')), NOW).toBe(true);
    expect(readFileSync(lab.host.journal(), 'utf8')).toBe(before);
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(`${daemon.pid}\n`);
    const status = (await ask(join(folder, 'control'), { ask: 'status' })) as StatusDocument;
    expect(status.daemon?.pid).toBe(daemon.pid);
    expect(daemon.log).toContain('removed by another program');
  });

  test('a new uplink still comes up; a second daemon still exits', async ({ lab }) => {
    const daemon = await begun(lab);
    rmSync(folderOf(lab), { recursive: true });
    lab.cable('eth1').connect();
    const second = await lab.prepare(RULES).finished();
    expect([second.code, second.stderr]).toEqual([
      75,
      `another multihomed (pid ${daemon.pid}) manages this network namespace\n`,
    ]);
    await expect.poll(() => lab.host.endpoints(), NOW).toHaveLength(2);
    const ids = lab.host.endpoints().map(({ id }) => id);
    await expect.poll(() => written(lab).endpoints.map(({ id }) => id), NOW).toEqual(ids);
    // The second daemon has ended and released its lock.
    await expect.poll(() => readFileSync(join(folderOf(lab), 'lock'), 'utf8'), NOW).toBe(`${daemon.pid}\n`);
    const third = await lab.prepare(RULES).finished();
    expect([third.code, third.stderr]).toEqual([75, expect.stringContaining(`pid ${daemon.pid}`)]);
  });

  test('socket or lock alone: is made again', async ({ lab }) => {
    const daemon = await begun(lab);
    for (const name of ['control', 'lock']) {
      rmSync(join(folderOf(lab), name));
      await expect.poll(() => existsSync(join(folderOf(lab), name)), NOW).toBe(true);
    }
    await expect.poll(async () => (await daemon.status())?.daemon?.pid, NOW).toBe(daemon.pid);
  });
});

describe('a runtime folder of an earlier daemon', () => {
  const leave = (name: string, journal: object): string => {
    const folder = join(RUNTIME, name);
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    writeFileSync(join(folder, 'lock'), '1\n', { mode: 0o600 });
    writeFileSync(join(folder, 'journal.json'), JSON.stringify({ version: 1, namespace: name, ...journal }));
    return folder;
  };
  const endpoints = [{ id: 3, address: '192.0.2.1', ifindex: 2, flags: 2, port: 0 }];

  test('is removed if it is of another boot or empty', async ({ lab }) => {
    const before = leave('99999901', { boot: 'another', endpoints });
    const empty = leave('99999902', { boot: bootId(), endpoints: [] });
    const owning = leave('99999903', { boot: bootId(), endpoints });
    const paused = leave('99999904', { boot: bootId(), endpoints: [], resting: true });
    await begun(lab);
    expect([before, empty, owning, paused].map((folder) => existsSync(folder))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    for (const folder of [owning, paused]) rmSync(folder, { recursive: true });
  });
});

/**
 * Floods of address and route changes on fifty uplinks: the final state is correct, even if events were lost.
 * MULTIHOMED_EVENTS=1000000 for the long run.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { stays } from '../support/stays.ts';
import { Field } from './field.ts';

const UPLINKS = 50;
const EVENTS = Number(process.env['MULTIHOMED_EVENTS'] ?? 20_000);
/** The number of changes between two readings of the daemon. */
const CHUNK = 20_000;
/** The limit after the last event; the measured time is printed. */
const LIMIT_MS = 60_000;
/** KiB: V8 collects at any time. For a million events this is 34 bytes for each. */
const GROWTH = 32 * 1024;

describe('a flood of events', { timeout: 300_000 + EVENTS }, () => {
  test('of 20,000 changes', async ({ lab }) => {
    const { field, daemon } = await start(lab);
    const foreign = field.foreign();
    const began = performance.now();
    await field.run([...field.changes(20_000 - 2 * UPLINKS), ...field.restore(3)]);
    const taken = performance.now() - began;
    const late = await settles(field, daemon);
    await right(field, daemon, foreign);
    expect(field.rules).toBe(UPLINKS);
    expect(lab.host.endpoints()).toHaveLength(8);
    say(`20000 changes in ${Math.round(taken)} ms, right ${late} ms later`);
  });

  test('without a pause', async ({ lab }) => {
    const { field, daemon } = await start(lab);
    const foreign = field.foreign();
    await field.run([...field.changes(150_000), ...field.restore(3)]);
    const late = await settles(field, daemon);
    await right(field, daemon, foreign);
    say(`150000 changes without a pause: right ${late} ms later`);
  });

  test('that overruns the event buffer repeatedly', async ({ lab }) => {
    const { field, daemon } = await start(lab);
    const foreign = field.foreign();
    for (const number of [3, 4]) {
      const before = await overruns(daemon);
      daemon.signal('SIGSTOP');
      await field.run([...field.changes(60_000), ...field.restore(number)]);
      expect(field.wrong()).not.toEqual([]);
      daemon.signal('SIGCONT');
      const late = await settles(field, daemon);
      await right(field, daemon, foreign);
      const after = await overruns(daemon);
      expect(after).toBeGreaterThan(before);
      say(`stopped through 60000 changes: overrun ${after}, right ${late} ms after it was continued`);
    }
    // It still receives events: libuv stops a watcher whose socket had an error.
    await field.run(field.restore(5));
    await settles(field, daemon);
    await right(field, daemon, foreign);
    expect(field.rules).toBe(UPLINKS);
    expect(lab.host.endpoints()).toHaveLength(8);
  });

  test('while the daemon is stopped', async ({ lab }) => {
    const { field, daemon } = await start(lab);
    const foreign = field.foreign();
    daemon.signal('SIGSTOP');
    // A fifth of the uplinks has no default route at the end.
    await field.run([...field.changes(9_000), ...field.restore(3, (index) => index % 5 === 0)]);
    daemon.signal('SIGCONT');
    const some = await settles(field, daemon);
    await right(field, daemon, foreign);
    expect(field.rules).toBe(UPLINKS * 0.8);
    daemon.signal('SIGSTOP');
    await field.run([...field.changes(9_000), ...field.restore(4)]);
    daemon.signal('SIGCONT');
    const all = await settles(field, daemon);
    await right(field, daemon, foreign);
    expect(field.rules).toBe(UPLINKS);
    expect(lab.host.endpoints()).toHaveLength(8);
    say(`stopped through 9000 changes, twice: right ${some} and ${all} ms after it was continued`);
  });

  test(`of ${EVENTS} changes leaks nothing; flush removes everything`, async ({ lab }) => {
    const { field, daemon } = await start(lab);
    const foreign = field.foreign();
    const samples: Sample[] = [];
    let slowest = 0;
    for (let done = 0; done < EVENTS; done += CHUNK) {
      await field.run([...field.changes(CHUNK), ...field.restore(3 + samples.length)]);
      slowest = Math.max(slowest, await settles(field, daemon));
      expect(field.foreign()).toBe(foreign);
      samples.push(await sample(daemon));
    }
    const state = samples.map(({ rss }) => rss);
    say(
      `${EVENTS} changes: descriptors ${[...new Set(samples.map(({ fds }) => fds.length))].join(', ')}; ` +
        `memory ${state.map((each) => Math.round(each / 1024)).join(' ')} MiB; ` +
        `overruns ${await overruns(daemon)}; right after ${slowest} ms at the latest`,
    );
    await right(field, daemon, foreign);
    for (const { fds } of samples) expect(fds).toEqual(samples[0]?.fds);
    // The heap still grows during the first readings.
    const quarter = Math.max(2, Math.floor(state.length / 4));
    const early = Math.max(...state.slice(0, quarter));
    for (const each of state.slice(quarter)) expect(each).toBeLessThan(early + GROWTH);
    // Leaked memory never returns to an earlier size.
    if (state.length >= 20)
      expect(Math.min(...state.slice(-quarter))).toBeLessThan(Math.max(...state.slice(quarter, 2 * quarter)));
    expect((await daemon.command('flush')).code).toBe(0);
    expect(lab.host.rules()).toEqual([]);
    expect(lab.host.routes()).toEqual([]);
    expect(lab.host.endpoints().map(({ id }) => id)).toEqual([99]);
    expect(lab.host.limits()).toEqual({ subflows: 3, accepted: 1 });
    expect(field.foreign()).toBe(foreign);
  });
});

async function start(lab: Lab): Promise<{ field: Field; daemon: Daemon }> {
  const field = new Field(lab, UPLINKS);
  await field.build();
  const daemon = await lab.daemon({ 'u*': 'subflow' });
  await field.run(field.restore(2));
  await settles(field, daemon);
  return { field, daemon };
}

/** @returns milliseconds until nothing is wrong */
async function settles(field: Field, daemon: Daemon): Promise<number> {
  const began = performance.now();
  for (;;) {
    const wrong = field.wrong();
    const now = Math.round(performance.now() - began);
    if (wrong.length === 0) return now;
    if (now > LIMIT_MS) expect(wrong, troubles(daemon).join('; ')).toEqual([]);
    await sleep(10);
  }
}

/** Checks that the state stays correct, with the same daemon, and that objects of other programs are unchanged. */
async function right(field: Field, daemon: Daemon, foreign: string): Promise<void> {
  await stays(() => field.wrong(), 300);
  expect(field.foreign()).toBe(foreign);
  const status = await daemon.status();
  expect(status?.daemon?.pid).toBe(daemon.pid);
  expect(status?.endpoints).toEqual({ owned: 7, foreign: 1, slots: 8 });
  expect(troubles(daemon)).toEqual([]);
}

/** Returns the log lines about passes that failed or did not settle. */
function troubles({ log }: Daemon): string[] {
  return log.split('\n').filter((line) => /pass failed|did not settle/.test(line));
}

async function overruns(daemon: Daemon): Promise<number> {
  return (await daemon.status())?.daemon?.overruns ?? 0;
}

interface Sample {
  /** Numbers of its open descriptors. */
  readonly fds: readonly string[];
  /** KiB */
  readonly rss: number;
}

/** Read while no client is connected. */
async function sample(daemon: Daemon): Promise<Sample> {
  await sleep(100);
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1];
  return { fds: readdirSync(`/proc/${daemon.pid}/fd`), rss: Number(rss) };
}

function say(text: string): void {
  console.log(`stress: ${text}`);
}

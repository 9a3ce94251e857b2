/**
 * Descriptors and memory do not grow through hooks, requests and reloads. MULTIHOMED_RUNS=10000 sets the number of hook
 * runs and requests to the control socket, and a tenth of it is the number of reloads.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';

const RUNS = Number(process.env['MULTIHOMED_RUNS'] ?? 100);
const UPLINKS = 4;
/** The number of actions when an uplink appears: device-add, link-up and up. */
const FIRST_ACTIONS = 3;
/** The number of hooks that run for each change of an uplink. */
const SCRIPTS = RUNS < 1_000 ? 1 : 10;
/** The number of readings of descriptors and memory. */
const READINGS = RUNS < 1_000 ? 4 : 10;
/** KiB: V8 collects at any time; in a short run the heap may still grow after the first reading. */
const GROWTH = RUNS < 1_000 ? 96 * 1024 : 32 * 1024;

/** For many processes one after the other. */
const MANY_MS = 120_000;

interface Scene {
  readonly lab: Lab;
  readonly daemon: Daemon;
  readonly control: string;
  /** Returns the text of the configuration; `flags` of all uplinks. */
  readonly text: (flags: string) => string;
  /** The number of hooks that have run. */
  readonly runs: () => number;
}

async function scene(lab: Lab, scripts: number): Promise<Scene> {
  const folder = join(lab.folder, 'hooks');
  const count = join(lab.folder, 'count');
  mkdirSync(folder);
  for (let at = 0; at < scripts; at++) {
    const hook = join(folder, `${10 + at}-count`);
    writeFileSync(hook, `#!/bin/sh\nprintf x >>${count}\necho ran "$@"\n`);
    chmodSync(hook, 0o755);
  }
  const text = (flags: string): string => JSON.stringify({ rules: { 'u*': flags }, hooks: { path: folder } });
  for (let at = 0; at < UPLINKS; at++) lab.cable(`u${at}`).connect();
  const daemon = await lab.daemon(text('subflow'), { args: ['--log', 'null'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(UPLINKS);
  const control = lab.host.journal().replace(/journal\.json$/, 'control');
  const runs = (): number => (existsSync(count) ? statSync(count).size : 0);
  await expect.poll(runs, { timeout: MANY_MS }).toBe(FIRST_ACTIONS * UPLINKS * scripts);
  return { lab, daemon, control, text, runs };
}

interface Sample {
  readonly fds: readonly string[];
  /** KiB */
  readonly rss: number;
}

const descriptors = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`);

/** Reads until the descriptors do not change any more: hooks and clients may end later than the condition of a test. */
async function sample({ pid }: Daemon): Promise<Sample> {
  let fds = descriptors(pid);
  for (let looks = 0, same = 0; same < 4 && looks < 200; looks++) {
    await sleep(50);
    const now = descriptors(pid);
    same = now.join() === fds.join() ? same + 1 : 0;
    fds = now;
  }
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { fds, rss: Number(rss) };
}

/** `part` runs between two readings; the first half of the readings is ignored, because the heap still grows. */
async function flat(what: string, daemon: Daemon, part: () => Promise<void>): Promise<void> {
  // Runs once, so that everything that is loaded lazily is loaded.
  await part();
  const samples: Sample[] = [await sample(daemon)];
  for (let look = 1; look < READINGS; look++) {
    await part();
    samples.push(await sample(daemon));
  }
  const state = samples.map(({ rss }) => Math.round(rss / 1024));
  const counts = new Set(samples.map(({ fds }) => fds.length));
  console.log(`flat: ${what}: descriptors ${[...counts].join(', ')}; memory ${state.join(' ')} MiB`);
  for (const { fds } of samples) expect(fds).toEqual(samples[0]!.fds);
  const early = Math.max(...samples.slice(0, READINGS / 2).map(({ rss }) => rss));
  for (const { rss } of samples) expect(rss).toBeLessThan(early + GROWTH);
}

describe('descriptors and memory do not grow', { timeout: 300_000 + 150 * RUNS }, () => {
  test(`through ${RUNS} hook runs`, async ({ lab }) => {
    const at = await scene(lab, SCRIPTS);
    const began = at.runs();
    const step = async (onward: string): Promise<void> => {
      const wanted = at.runs() + UPLINKS * SCRIPTS;
      for (let each = 0; each < UPLINKS; each++)
        lab.host.ip(`route ${onward} default via 10.${each + 1}.0.1 dev u${each} metric ${100 * (each + 1)}`);
      await expect.poll(at.runs, { timeout: MANY_MS }).toBe(wanted);
    };
    await flat(`${RUNS} hook runs`, at.daemon, async () => {
      for (const end = at.runs() + RUNS / READINGS; at.runs() < end;) {
        await step('del');
        await step('add');
      }
    });
    expect(at.runs() - began).toBeGreaterThanOrEqual(RUNS);
    expect(lab.host.endpoints()).toHaveLength(UPLINKS);
  });

  test(`through ${RUNS} requests to the control socket`, async ({ lab }) => {
    const at = await scene(lab, 1);
    const questions: readonly { readonly ask: string; readonly [key: string]: string }[] = [
      { ask: 'status' },
      { ask: 'explain', interface: 'u1' },
      { ask: 'explain', interface: 'missing' },
      { ask: 'an unknown request' },
    ];
    await flat(`${RUNS} requests`, at.daemon, async () => {
      for (let done = 0; done < RUNS / READINGS; done += questions.length + 1) {
        const answers = questions.map((each) => ask(at.control, each).catch(String));
        await Promise.all([...answers, abandonWatch(at.control)]);
      }
    });
    expect(
      ((await ask(at.control, { ask: 'status' })) as { uplinks: unknown[] }).uplinks.length,
    ).toBeGreaterThanOrEqual(UPLINKS);
  });

  test(`through ${RUNS / 10} reloads`, async ({ lab }) => {
    const at = await scene(lab, 1);
    const flags = ['subflow', 'subflow backup', 'signal'];
    let turn = 0;
    await flat(`${RUNS / 10} reloads`, at.daemon, async () => {
      for (let done = 0; done < RUNS / 10 / READINGS; done++) {
        // Every tenth has an error and changes nothing.
        if (++turn % 10 === 0) {
          at.daemon.configure('{"rules": {"u*": "sublow"}}');
          at.daemon.signal('SIGHUP');
          await sleep(30);
        }
        const now = flags[turn % flags.length]!;
        at.daemon.configure(at.text(now));
        at.daemon.signal('SIGHUP');
        const words = Array.from(
          { length: UPLINKS },
          (_, each) => `10.${each + 1}.0.2 u${each} ${now.replace(' ', ',')}`,
        );
        await expect.poll(() => lab.host.endpointTexts(), { interval: 5 }).toEqual(words);
      }
    });
  });
});

/** Sends a watch request, and closes the connection at the first part of the answer. */
async function abandonWatch(control: string): Promise<void> {
  const client = createConnection(control);
  await new Promise((resolve) =>
    client
      .on('error', resolve)
      .on('close', resolve)
      .on('data', () => client.destroy())
      .on('connect', () => client.write('{"ask":"watch"}\n')),
  );
}

/** A real daemon whose clocks jump. It measures all of its times by CLOCK_MONOTONIC. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Cable } from '../support/cable.ts';
import { Shim } from './shim.ts';
import { RecordingHook } from './recording-hook.ts';

const HOUR = 3_600_000;
const YEAR = 8_766 * HOUR;
/** The time-out of a hook, in milliseconds. */
const TIMEOUT = 1_000;

interface Scene {
  readonly lab: Lab;
  readonly shim: Shim;
  readonly hook: RecordingHook;
  readonly daemon: Daemon;
  readonly eth: Cable;
  readonly wwan: Cable;
}

async function scene(lab: Lab): Promise<Scene> {
  const shim = new Shim(lab.folder);
  const hook = new RecordingHook(lab);
  const [eth, wwan] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
  const rules = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
  const text = JSON.stringify({ rules, hooks: { path: hook.folder, timeout: `${TIMEOUT / 1000}s` } });
  const daemon = await lab.daemon(text, { environment: shim.environment });
  await expect.poll(() => hook.lines()).toHaveLength(4);
  return { lab, shim, hook, daemon, eth, wwan };
}

/** A jump alone causes no action, and the daemon works afterwards as before. */
async function isItself(
  { lab, shim, hook, daemon, eth, wwan }: Scene,
  jump: () => Promise<void> | void = () => undefined,
): Promise<void> {
  // The daemon answers after its last pass, so earlier work is done.
  await daemon.status();
  for (let points = -1; points !== shim.points; await sleep(500)) points = shim.points;
  shim.forget();
  await jump();
  await sleep(300);
  // The poll every 30 s sends about a dozen requests; a loop without pause would send a thousand.
  const idle = shim.trace();
  expect(idle.filter(({ kind }) => kind !== 'question')).toEqual([]);
  expect(idle.length).toBeLessThan(60);
  const both = [`${eth.address()} eth0 subflow`, `${wwan.address()} wwan0 subflow,backup`];
  expect(lab.host.endpointTexts()).toEqual(both);
  hook.forget();
  const losses = (): number =>
    daemon.log.split('\n').filter((line) => line.includes('no default route')).length;
  const lost = losses();
  eth.deleteDefault();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([both[1]]);
  await expect.poll(() => hook.lines()).toEqual([`eth0 down ${eth.address()}`]);
  await expect.poll(losses).toBe(lost + 1);
  eth.addDefault(4, 'metric 100');
  await expect.poll(() => lab.host.endpointTexts()).toEqual(both);
  await expect.poll(() => hook.lines('eth0 up')).toEqual([`eth0 up ${eth.address()}`]);
  // Objects are removed by another program: a jump neither uses up nor refills a limit.
  lab.host.ip(`rule delete priority 8684 from ${eth.address()}`);
  await expect.poll(() => lab.host.rules()).toHaveLength(4);
  expect(hook.lines()).toHaveLength(2);
  expect(daemon.log).not.toMatch(/pass failed|did not settle/);
}

/** The time of day in its last log line is that of the clock, within a minute. */
function logs({ daemon }: Scene, offset: number): void {
  const last = daemon.log.trim().split('\n').at(-1)!;
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d)\.\d{3} /.exec(last) ?? [];
  expect(hours, last).toBeDefined();
  const shown = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  const wanted = (((Date.now() + offset) % (24 * HOUR)) + 24 * HOUR) % (24 * HOUR);
  const apart = Math.abs(shown - wanted);
  expect(Math.min(apart, 24 * HOUR - apart), daemon.log).toBeLessThan(60_000);
}

/** The clock jumps while a hook runs: its time-out does not change. */
async function timesOut({ hook, daemon, eth, lab }: Scene, jump: () => void): Promise<void> {
  const times = (): number => daemon.log.split('timed out after').length - 1;
  const before = times();
  hook.forget();
  hook.slow = true;
  const began = performance.now();
  lab.host.ip(`route replace default via ${eth.gateway(4, 9)} dev eth0 metric 100`);
  await expect.poll(() => hook.lines()).toEqual([`eth0 change ${eth.address()}`]);
  jump();
  hook.slow = false;
  // Timing by CLOCK_REALTIME would make it hours.
  await expect.poll(times).toBe(before + 1);
  expect(performance.now() - began).toBeGreaterThan(TIMEOUT);
  hook.forget();
  lab.host.ip(`route replace default via ${eth.gateway()} dev eth0 metric 100`);
  await expect.poll(() => hook.lines()).toEqual([`eth0 change ${eth.address()}`]);
}

describe('clock jumps', () => {
  test('CLOCK_REALTIME jumps by hours and years and back', async ({ lab }) => {
    const at = await scene(lab);
    // Also before 1970, as on a machine without a battery for its clock.
    for (const offset of [7 * HOUR, -7 * HOUR, YEAR, -60 * YEAR]) {
      await isItself(at, () => {
        at.shim.wall = offset;
      });
      logs(at, offset);
    }
    await timesOut(at, () => (at.shim.wall = 7 * HOUR));
    await timesOut(at, () => (at.shim.wall = -YEAR));
    expect((await at.daemon.stop()).code).toBe(0);
    at.shim.close();
  });

  test('CLOCK_MONOTONIC does not advance during suspend', async ({ lab }) => {
    const at = await scene(lab);
    let slept = 0;
    const nap = async (): Promise<void> => {
      at.daemon.signal('SIGSTOP');
      const began = performance.now();
      await sleep(1_500);
      slept += performance.now() - began - 20;
      at.shim.monotonic = -slept;
      at.shim.wall = 8 * HOUR;
      at.daemon.signal('SIGCONT');
    };
    await isItself(at, nap);
    // Again, and times measured afterwards are right.
    await nap();
    await timesOut(at, () => undefined);
    expect((await at.daemon.stop()).code).toBe(0);
    at.shim.close();
  });
});

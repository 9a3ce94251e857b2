/** Signals that arrive before the first pass has ended. */
import { expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import type { Daemon, DaemonOptions } from '../support/daemon.ts';

const RULES = { 'eth*': 'subflow' };

/** Resolves when the daemon logs that it starts, before its first read of the kernel. */
async function starting(lab: Lab, options: DaemonOptions = {}): Promise<Daemon> {
  for (let count = 0; count < 4; count++) lab.cable(`eth${count}`).connect();
  const daemon = lab.prepare(RULES, options);
  while (daemon.runs && !daemon.log.includes(' rule')) await new Promise((resolve) => setTimeout(resolve, 1));
  return daemon;
}

test('SIGHUP during startup reloads after it', async ({ lab }) => {
  const daemon = await starting(lab);
  daemon.signal('SIGHUP');
  await expect.poll(() => daemon.log).toContain('configuration reloaded');
  expect(daemon.runs).toBe(true);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(4);
});

test.for(['SIGTERM', 'SIGINT'] as const)('%s during startup exits in order', async (signal, { lab }) => {
  const daemon = await starting(lab);
  const { code, stderr } = await daemon.stop(signal);
  expect(stderr.trim().split('\n').at(-1)).toMatch(/ended/);
  expect(code).toBe(0);
});

test('SIGTERM before the end of --once: exit code 2', async ({ lab }) => {
  const daemon = await starting(lab, { args: ['--once'] });
  const { code, stderr } = await daemon.stop('SIGTERM');
  // The daemon may have finished before the signal arrived.
  const made = stderr.includes('everything is done');
  expect([code, /ended by a signal/.test(stderr)]).toEqual(made ? [0, false] : [2, true]);
});

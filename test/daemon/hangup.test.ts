/** Signals before the first pass is over: its pid stands in the lock, and it has said that it started. */
import { expect } from 'vitest';
import { test } from '../support/lab.ts';

// Fails as long as the daemon listens to signals only after its first pass.
test.fails('a hang-up while it starts ends nobody', async ({ lab }) => {
  for (let each = 0; each < 7; each++) lab.cable(`u${each}`).connect();
  const daemon = lab.prepare({ 'u*': 'subflow' });
  await expect.poll(() => daemon.log, { interval: 1 }).toContain('started');
  daemon.signal('SIGHUP');
  await expect.poll(() => lab.host.endpoints(), { timeout: 2_000 }).toHaveLength(7);
  expect(daemon.runs, daemon.log).toBe(true);
});

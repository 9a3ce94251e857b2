/** `flush` that begins without a daemon, and during which a daemon starts and ends. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { Shim } from './shim.ts';

test('flush: objects that a daemon added between its pass and its lock are removed', async ({ lab }) => {
  const wwan = lab.cable('wwan0');
  lab.cable('eth0').connect();
  const first = await lab.daemon({ '*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  await first.stop('SIGKILL');
  const shim = new Shim(lab.folder);
  shim.halts = true;
  const child = lab.host.spawn(process.execPath, [MAIN, 'flush'], shim.environment);
  const over = finished(child);
  const state = (): string => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.charAt(0);
  await expect.poll(state).toBe('T');
  wwan.connect();
  const second = await lab.daemon({ '*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  await second.stop('SIGKILL');
  child.kill('SIGCONT');
  expect(await over).toMatchObject({ code: 0, stdout: expect.stringMatching(/endpoint delete .* wwan0/) });
  expect(lab.host.endpoints()).toEqual([]);
  expect(lab.host.rules()).toEqual([]);
  shim.close();
});

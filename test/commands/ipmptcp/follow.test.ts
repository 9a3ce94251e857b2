/** A daemon that refuses further watchers. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Follower } from '../../../src/commands/monitor/follow.ts';
import type { Namespace } from '../../../src/commands/namespace.ts';

test('monitor: a daemon that refuses watchers is asked three times, then reported', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-follow-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'control');
  const times: number[] = [];
  const server = createServer((client) => {
    times.push(performance.now());
    client.destroy();
  }).listen(socket);
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const errors: Error[] = [];
  const follower = new Follower({
    // While a daemon runs, `monitor` reads nothing else.
    namespace: { folder: { socket } } as Namespace,
    configuration: () => Promise.reject(new Error('not wanted')),
    onChange: () => undefined,
    onSource: () => undefined,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => follower.stop());
  await follower.start();
  await expect.poll(() => errors).toHaveLength(1);
  expect(errors[0]?.message).toContain('too many clients');
  // If the daemon closes the connection, the client retries for a second. This happens three times, with pauses.
  const pauses = times.slice(1).filter((time, at) => time - times[at]! > 1_000);
  expect(pauses).toHaveLength(2);
});

/** A daemon that has no place for another watcher. */
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
    // Nothing else of it is asked for while a daemon is there.
    namespace: { folder: { socket } } as Namespace,
    configuration: () => Promise.reject(new Error('not wanted')),
    onChange: () => undefined,
    onSource: () => undefined,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => follower.stop());
  await follower.start();
  await expect.poll(() => errors).toHaveLength(1);
  expect(errors[0]?.message).toContain('no place for another');
  // Where the daemon closes before it is asked, the client asks again for a second: each of three times, with rests.
  const rests = times.slice(1).filter((time, at) => time - times[at]! > 1_000);
  expect(rests).toHaveLength(2);
});

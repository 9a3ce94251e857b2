/** The control socket's server alone, because a real daemon answers too fast for these cases. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ask } from '../../src/control/client.ts';
import { serve, type ControlServer, type Verb } from '../../src/control/server.ts';

const quiet = (): void => undefined;
const LOG = { debug: quiet, info: quiet, warn: quiet, error: quiet };

let folder: string;
let server: ControlServer | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'multihomed-server-'));
});
afterEach(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

async function open(verbs: Record<string, Verb>): Promise<string> {
  const path = join(folder, 'control');
  server = await serve(path, verbs, LOG);
  return path;
}

test('a client that waits for a slow answer is not closed as silent', async () => {
  const path = await open({ flush: { change: true, answer: () => sleep(11_000, ['done']) } });
  expect(await ask(path, { ask: 'flush' })).toEqual(['done']);
});

test('answers on one connection have the order of the requests', async () => {
  const path = await open({
    slow: { change: false, answer: () => sleep(100, 'slow') },
    fast: { change: false, answer: () => 'fast' },
  });
  const client = createConnection(path);
  let text = '';
  client.on('data', (chunk) => (text += String(chunk)));
  client.write('{"ask":"slow"}\n{"ask":"fast"}\n');
  await expect.poll(() => text).toMatch(/slow[^]*fast/);
  client.destroy();
});

test('the event loop runs between any two answers, even to many requests at once', async () => {
  let turns = 0;
  const counted: number[] = [];
  const path = await open({
    status: {
      change: false,
      answer: () => {
        counted.push(turns);
        return 'here';
      },
    },
  });
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  count();
  const client = createConnection(path);
  client.resume();
  client.write('{"ask":"status"}\n'.repeat(200));
  await expect.poll(() => counted.length).toBe(200);
  counting = false;
  client.destroy();
  expect(counted.slice(1).filter((at, index) => at === counted[index])).toEqual([]);
});

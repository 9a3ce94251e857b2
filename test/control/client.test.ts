/** What a client sees of a daemon that comes, ends, or ends just then. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, watch } from '../../src/control/client.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'multihomed-control-'));
  path = join(folder, 'control');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Whoever connects is not taken: as with a daemon that has more to do first. */
async function deafListener(): Promise<ChildProcess> {
  const script = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
print('listening', flush=True)
time.sleep(60)
`;
  const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** Without a turn of the event loop; its files are closed then. */
function kill(child: ChildProcess): void {
  child.kill('SIGKILL');
  const state = (): string => readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/.*\) /, '')[0]!;
  while (state() !== 'Z') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}

describe('a client', () => {
  for (const [name, begin] of [
    ['asks', () => ask(path, { ask: 'status' })],
    [
      'watches',
      () =>
        watch(
          path,
          () => undefined,
          () => undefined,
        ),
    ],
  ] as const) {
    it(`that ${name} hears of nobody where no daemon has been`, async () => {
      expect(await begin()).toBeUndefined();
    });

    it(`that ${name} hears of nobody where the daemon ended before it took the connection`, async () => {
      const listener = await deafListener();
      const answer = begin();
      kill(listener);
      expect(await answer).toBeUndefined();
      // What it left behind refuses.
      expect(await begin()).toBeUndefined();
    });
  }
});

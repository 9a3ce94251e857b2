/** The client while a daemon starts, ends, or ends during a request. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
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

/** Connections are not accepted, as by a daemon that is busy. */
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

/** Closes without a turn of the event loop, as the kernel does when a process dies. */
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
    it(`${name}: undefined if no daemon has run`, async () => {
      expect(await begin()).toBeUndefined();
    });

    it(`${name}: undefined if the daemon ended before it accepted the connection`, async () => {
      const listener = await deafListener();
      const answer = begin();
      kill(listener);
      expect(await answer).toBeUndefined();
      // The socket file that is left refuses connections.
      expect(await begin()).toBeUndefined();
    });
  }
});

it.each(['at once', 'later'])(
  'a client gets its answer from a daemon that then needs the place: %s',
  async (when) => {
    const busy = '{"version":1,"error":"too many","code":"busy"}\n';
    const server = createServer({ allowHalfOpen: true }, (client) => {
      client.on('error', () => client.destroy());
      client.once('data', () => {
        client.write(`{"answer":7}\n${when === 'at once' ? busy : ''}`);
        client.once('end', () => client.end(when === 'later' ? busy : ''));
      });
    });
    server.listen(path);
    await once(server, 'listening');
    try {
      expect(await ask(path, { ask: 'status' })).toBe(7);
    } finally {
      // Resolves when the client has read everything and closed.
      const closed = once(server, 'close');
      server.close();
      await closed;
    }
  },
);

describe('a client that is refused as busy', () => {
  const BUSY = '{"version":1,"error":"too many","code":"busy"}\n';
  let server: Server;
  let connections = 0;
  /** Refuses the given number of connections, then answers. */
  async function busy(refusals: number): Promise<void> {
    connections = 0;
    server = createServer((client) => {
      client.on('error', () => client.destroy());
      if (++connections > refusals) return void client.once('data', () => client.write('{"answer":7}\n'));
      // As the daemon does: before the request is read, and without waiting for it.
      client.write(BUSY);
      client.destroy();
    }).listen(path);
    await once(server, 'listening');
  }
  afterEach(() => server.close());

  it('retries a request until it is answered', async () => {
    await busy(5);
    expect(await ask(path, { ask: 'status' })).toBe(7);
    expect(connections).toBe(6);
  });

  it('retries to watch until it is answered', async () => {
    await busy(5);
    const documents: unknown[] = [];
    const ends: unknown[] = [];
    const watching = await watch(
      path,
      (document) => documents.push(document),
      (error) => ends.push(error),
    );
    await expect.poll(() => documents).toEqual([7]);
    expect(ends).toEqual([]);
    watching?.close();
    await expect.poll(() => ends).toEqual([null]);
  });

  it('gives up after some retries, with the refusal', async () => {
    await busy(Infinity);
    await expect(ask(path, { ask: 'status' })).rejects.toMatchObject({
      code: expect.stringMatching(/busy|unanswered/),
    });
    expect(connections).toBeGreaterThan(3);
    const ends: unknown[] = [];
    await watch(
      path,
      () => undefined,
      (error) => ends.push(error),
    );
    await expect.poll(() => ends).toHaveLength(1);
  });
});

/** Hooks in a process of their own: its start, its end, and what it accepts. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { remoteRunner } from '../../src/hooks/remote-runner.ts';
import type { HookRequest, HookRunner } from '../../src/hooks/runner.ts';
import { serveDaemon } from '../../src/hooks/session.ts';
import { spawnRunner } from '../../src/hooks/spawn-runner.ts';
import { uplink } from './facts.ts';
import { memoryLog } from './memory-log.ts';
import { scripts, type Scripts } from './scripts.ts';

interface Remote extends Pick<Scripts, 'write' | 'root'> {
  readonly runner: HookRunner;
  readonly lines: string[];
  readonly request: HookRequest;
  readonly run: () => ReturnType<HookRunner['run']>;
  /** The number of runners that were started. */
  readonly started: () => number;
}

function remote(idleMs?: number): Remote {
  const { write, root, request } = scripts();
  const { log, lines } = memoryLog();
  let count = 0;
  const connect = () => {
    count++;
    return spawnRunner();
  };
  const runner = remoteRunner(log, connect, idleMs === undefined ? {} : { idleMs });
  onTestFinished(() => runner.stop());
  return {
    ...{ write, root, runner, lines, request },
    run: () => runner.run(request),
    started: () => count,
  };
}

/** A hook that writes the pid of its parent, the runner, to a file. */
const PARENT = 'echo $PPID >>"$(dirname "$MULTIHOMED_HOOK")/../parent"';
const parents = ({ root }: Remote): number[] =>
  readFileSync(join(root, 'parent'), 'utf8').trim().split('\n').map(Number);
const runs = (pid: number): boolean => existsSync(`/proc/${pid}/fd`);

test('the runner is another process; it starts with the first hook and runs all of them', async () => {
  const tested = remote();
  expect(await tested.run()).toEqual([]);
  expect(tested.started()).toBe(0);
  const path = tested.write('10-say', `${PARENT}; echo hello; echo "$MULTIHOMED_ADDRESS" >&2; exit 3`);
  const report = { path, outcome: 'failed', reason: 'ended with status 3' };
  expect(await tested.run()).toMatchObject([report]);
  expect(await Promise.all([tested.run(), tested.run()])).toMatchObject([[report], [report]]);
  expect(tested.started()).toBe(1);
  expect(new Set(parents(tested)).size).toBe(1);
  expect(parents(tested)[0]).not.toBe(process.pid);
  expect(tested.lines.slice(0, 2).sort()).toEqual([
    `info ${path} (wwan0 up): ${uplink().address}`,
    `info ${path} (wwan0 up): hello`,
  ]);
});

test('the runner ends when it is idle, and the next hook starts another one', async () => {
  const tested = remote(1);
  tested.write('10-say', PARENT);
  await tested.run();
  await expect.poll(() => runs(parents(tested)[0]!)).toBe(false);
  await tested.run();
  expect([tested.started(), new Set(parents(tested)).size]).toEqual([2, 2]);
});

test('a killed runner: the runs fail, and the next hook starts another one', async () => {
  const tested = remote();
  const path = tested.write('10-kill', 'kill -KILL "$PPID"');
  const killed = Promise.allSettled([tested.run(), tested.run()]);
  for (const { reason } of (await killed) as PromiseRejectedResult[])
    expect(String(reason)).toBe('RunnerGoneError: the hook runner was ended by SIGKILL');
  tested.write('10-kill', 'exit 0');
  expect(await tested.run()).toMatchObject([{ path, outcome: 'done' }]);
});

test('stop ends the running hooks and the runner', async () => {
  const tested = remote();
  const path = tested.write('10-wait', `${PARENT}; sleep 60`);
  const run = tested.run();
  await expect.poll(() => existsSync(join(tested.root, 'parent'))).toBe(true);
  await tested.runner.stop();
  expect(await run).toMatchObject([{ path, outcome: 'stopped' }]);
  await expect.poll(() => runs(parents(tested)[0]!)).toBe(false);
  expect(await tested.run()).toEqual([]);
});

test('the daemon is killed: running hooks end normally, and then the runner ends', async () => {
  const tested = remote();
  tested.write('10-wait', `${PARENT}; sleep 0.3; echo written`);
  tested.write('20-after', 'echo >"$(dirname "$MULTIHOMED_HOOK")/../after"');
  const { socket, ended } = spawnRunner();
  socket.write(`${JSON.stringify({ run: 1, request: tested.request })}\n`);
  await expect.poll(() => existsSync(join(tested.root, 'parent'))).toBe(true);
  socket.destroy();
  expect(await ended).toBe('ended with status 0');
  expect(existsSync(join(tested.root, 'after'))).toBe(true);
});

/** The runner's side in this process, with hooks that never end. @returns the daemon's side */
async function session(): Promise<{ daemon: Socket; lines: string[]; ran: HookRequest[] }> {
  const [lines, ran] = [[] as string[], [] as HookRequest[]];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    serveDaemon(
      socket,
      (text) => lines.push(text),
      () => ({
        run: (request) => new Promise(() => ran.push(request)),
        stop: () => Promise.resolve(),
      }),
    );
  });
  const path = join(scripts().root, 'socket');
  server.listen(path);
  onTestFinished(() => void server.close());
  const daemon = createConnection(path);
  onTestFinished(() => void daemon.destroy());
  // Bytes that the runner has not read reset the connection.
  daemon.on('error', () => undefined);
  await once(daemon, 'connect');
  return { daemon, lines, ran };
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));

const INVALID = 'it sent a message that is not valid';
const NO_LINE = 'it sent a line that is not JSON, or is too long';

test.each<[string, (request: HookRequest) => unknown, string]>([
  ['is not JSON', () => '{', NO_LINE],
  ['is longer than the limit', () => 'x'.repeat(300_000), NO_LINE],
  ['is no object', () => 7, INVALID],
  ['has no request', () => ({ run: 1 }), INVALID],
  ['has an unknown action', (request) => ({ run: 1, request: { ...request, action: 'rm' } }), INVALID],
  [
    'has a path as the interface',
    (request) => ({ run: 1, request: { ...request, interface: '../x' } }),
    INVALID,
  ],
  ['has no folders', (request) => ({ run: 1, request: { ...request, folders: null } }), INVALID],
  ['has no time-out', (request) => ({ run: 1, request: { ...request, timeout: 0 } }), INVALID],
  ...['LD_PRELOAD', 'BASH_ENV', 'ENV', 'MULTIHOMED_X=1\nIFS'].map(
    (name) =>
      [
        `sets the variable ${JSON.stringify(name)}`,
        ({ environment, ...request }: HookRequest) => ({
          run: 1,
          request: { ...request, environment: { ...environment, [name]: 'x' } },
        }),
        INVALID,
      ] as [string, (request: HookRequest) => unknown, string],
  ),
  [
    'sets another PATH',
    (request) => ({ run: 1, request: { ...request, environment: { ...request.environment, PATH: '/tmp' } } }),
    INVALID,
  ],
])('the runner closes the connection at a message that %s, and runs nothing', async (_, make, why) => {
  const { daemon, lines, ran } = await session();
  const message = make(remote().request);
  daemon.write(`${typeof message === 'string' ? message : JSON.stringify(message)}\n`);
  daemon.resume();
  await closed(daemon);
  expect([lines, ran]).toEqual([[`the daemon's connection is closed: ${why}`], []]);
});

test('the runner closes the connection at the 17th simultaneous run', async () => {
  const { daemon, lines, ran } = await session();
  const { request } = remote();
  for (let run = 0; run < 17; run++) daemon.write(`${JSON.stringify({ run, request })}\n`);
  daemon.resume();
  await closed(daemon);
  expect(ran).toHaveLength(16);
  expect(lines).toEqual([`the daemon's connection is closed: it asked for more than 16 runs at a time`]);
});

/** `multihomed hook-runner` as systemd starts it: at a connection to a socket that it keeps. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { encode, readMessages } from '../../src/hooks/protocol.ts';
import type { HookRequest } from '../../src/hooks/runner.ts';
import { MAIN, PACKAGE } from '../support/installed.ts';
import { scripts } from './scripts.ts';

/** Does what systemd does for a socket with Accept=no. A line on its input ends it, when no service runs. */
const SYSTEMD = `
import os, select, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print('listening', flush=True)
while listener in select.select([listener, sys.stdin], [], [])[0]:
    pid = os.fork()
    if pid == 0:
        os.dup2(os.dup(listener.fileno()), 3, inheritable=True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1')
        os.execv(sys.argv[2], sys.argv[2:])
    print('ended', os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
`;

/** Node runs this before the runner. */
const REPORT = `import { Server } from 'node:net';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) { console.log('serving'); return listen.apply(this, args); };`;

/** A daemon's side of the connection. */
class Client {
  readonly socket: Socket;
  readonly answers: object[] = [];

  constructor(path: string) {
    this.socket = createConnection(path);
    readMessages(
      this.socket,
      (message) => this.answers.push(message as object),
      () => this.socket.destroy(),
    );
  }

  run(request: HookRequest): void {
    this.socket.write(encode({ run: 1, request }));
  }
}

async function service(): Promise<{
  path: string;
  dist: string;
  request: HookRequest;
  output: () => string;
}> {
  const { root, folders, write, request } = scripts();
  write('10-say', 'echo "runner $PPID"');
  const copy = mkdtempSync(join(tmpdir(), 'multihomed-copy-'));
  onTestFinished(() => rmSync(copy, { recursive: true }));
  cpSync(PACKAGE, copy, { recursive: true });
  const config = join(root, 'config.yaml');
  const hooks = { path: folders, user: request.user };
  writeFileSync(config, JSON.stringify({ rules: {}, hooks }), { mode: 0o644 });
  const path = join(root, 'socket');
  const program = [process.execPath, join(copy, 'dist/main.js'), 'hook-runner', '--config', config];
  const environment = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(REPORT)}` };
  const systemd = spawn('python3', ['-c', SYSTEMD, path, ...program], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  onTestFinished(async () => {
    const closed = once(systemd, 'close');
    systemd.stdin.end('end\n');
    await closed;
  });
  let output = '';
  systemd.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await expect.poll(() => output).toBe('listening\n');
  return { path, dist: join(copy, 'dist'), request, output: () => output };
}

/** The process that ran the hook. */
const runnerOf = ({ answers }: Client): string | undefined =>
  /runner (\d+)/.exec(JSON.stringify(answers))?.[1];

const DONE = expect.objectContaining({ run: 1, reports: [expect.objectContaining({ outcome: 'done' })] });
const LIMIT = { timeout: 20_000 };

test('the runner loads nothing after it has begun to serve, so that an upgrade cannot mix two versions', async () => {
  const { path, dist, request, output } = await service();
  const client = new Client(path);
  await expect.poll(output, LIMIT).toContain('serving');
  rmSync(dist, { recursive: true });
  mkdirSync(dist);
  client.run(request);
  await expect.poll(() => client.answers, LIMIT).toContainEqual(DONE);
  client.socket.end();
  await expect.poll(output, LIMIT).toContain('ended 0');
});

test('the next daemon gets a runner of its own, when the hooks of the one before have ended', async () => {
  const { path, request, output } = await service();
  const [first, second] = [new Client(path), new Client(path)];
  second.run(request);
  first.run(request);
  await expect.poll(() => first.answers, LIMIT).toContainEqual(DONE);
  expect(second.answers).toEqual([]);
  first.socket.end();
  await expect.poll(() => second.answers, LIMIT).toContainEqual(DONE);
  expect(runnerOf(second)).not.toBe(runnerOf(first));
  expect(runnerOf(second)).toMatch(/^\d+$/);
  second.socket.end();
  await expect.poll(output, LIMIT).toMatch(/ended 0\n[^]*ended 0\n/);
});

test('a part of the program that is missing is an error each time it is needed', () => {
  // Before, the second one got a part without content: "configurationFingerprint is not a function".
  const script = `const { load } = require(process.argv[1]);
    for (const each of [1, 2]) try { load('missing.js'); console.log('loaded') } catch ({ code }) { console.log(code) }`;
  const output = execFileSync(process.execPath, ['-e', script, MAIN], { encoding: 'utf8' });
  expect(output).toBe('ENOENT\nENOENT\n');
});

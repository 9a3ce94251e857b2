/** What the long runs (soak.mjs, steady.mjs) share: namespaces, the daemon, and connections whose data is checked. */
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Socket, createServer } from 'node:net';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sleep } from './process.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const PORT = 8080;

/**
 * Starts the program again in network, mount and process namespaces of its own, and ends with its exit code; returns in
 * the second process. `args`: its arguments.
 */
export function enterNamespaces(file, args) {
  if (process.env.MULTIHOMED_LONG_RUN === '1') return;
  const mounts = 'mount -t tmpfs tmpfs /run && mkdir /run/netns && mount -t sysfs sysfs /sys && exec "$@"';
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const { status } = spawnSync(
    'unshare',
    [...namespaces, ...['sh', '-c', mounts, 'sh'], process.execPath, fileURLToPath(file), ...args],
    { stdio: 'inherit', env: { ...process.env, MULTIHOMED_LONG_RUN: '1' } },
  );
  process.exit(status ?? 1);
}

/** Mulberry32, so that a run can be repeated with its seed. Returns a function that returns numbers from 0 to 1. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const addon = createRequire(import.meta.url)('node-gyp-build')(join(root, 'native'));
addon.setErrorClass(
  class extends Error {
    constructor(errno, syscall, text, subject) {
      super(`${syscall} ${subject}: ${text}`);
    }
  },
);

/** Numbered messages from one socket to another, or back to the same one from a server that echoes. */
export class Transfer {
  #to;
  #from;
  #bytes;
  #sent = 0;
  #received = 0;
  #pending = Buffer.alloc(0);
  #last = performance.now();
  /** The longest time without a message, in milliseconds. */
  longest = 0;
  error = null;

  constructor(from, to = from, bytes = 500) {
    [this.#from, this.#to, this.#bytes] = [from, to, bytes];
    for (const socket of new Set([from, to])) {
      socket.setNoDelay(true);
      socket.on('error', (error) => (this.error ??= error.message));
      socket.on('close', () => (this.error ??= 'closed'));
    }
    this.#to.on('data', (data) => this.#take(data));
  }

  get behind() {
    return this.#sent - this.#received;
  }

  get received() {
    return this.#received;
  }

  /** Sends the next message, unless many have not arrived yet. */
  send() {
    if (this.error || this.behind > 200) return;
    if (this.behind === 0) this.#last = performance.now();
    const message = Buffer.alloc(this.#bytes, this.#sent & 255);
    message.writeUInt32BE(this.#sent++, 0);
    this.#from.write(message);
  }

  #take(data) {
    const now = performance.now();
    this.longest = Math.max(this.longest, now - this.#last);
    this.#last = now;
    this.#pending = Buffer.concat([this.#pending, data]);
    const bytes = this.#bytes;
    while (this.#pending.length >= bytes) {
      const number = this.#pending.readUInt32BE(0);
      if (number !== this.#received || this.#pending[bytes - 1] !== (number & 255))
        this.error ??= `message ${number} arrived instead of ${this.#received}`;
      this.#received++;
      this.#pending = this.#pending.subarray(bytes);
    }
  }
}

/** Accepts MPTCP connections in the namespace `far`. `take` is called with each socket. */
export function listen(address, take) {
  const server = createServer(take);
  server.listen({
    fd: addon.streamSocket(false, true, '/run/netns/far', undefined, address, PORT, 511),
  });
}

/** Resolves with the socket of a new MPTCP connection to `address`. */
export async function connect(address) {
  const socket = new Socket({ fd: addon.streamSocket(false, true, undefined, undefined, undefined, 0, -1) });
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ host: address, port: PORT }, resolve);
  });
  return socket;
}

/** Starts the daemon, and resolves when its log has a line that matches `ready`, or when it has ended. */
export async function startDaemon(configuration, ready, options = []) {
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-long-run-'));
  const config = join(folder, 'config.yaml');
  writeFileSync(config, JSON.stringify(configuration), { mode: 0o644 });
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), 'run', '--config', config, ...options], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  let isEnded = false;
  child.once('exit', () => (isEnded = true));
  while (!ready.test(log) && !isEnded) await sleep(50);
  return { pid: child.pid, log: () => log, isEnded: () => isEnded, kill: () => child.kill() };
}

/** Waits, for at most a minute, until what was sent has arrived. Resolves with the transfers that failed. */
export async function settle(transfers) {
  const until = performance.now() + 60_000;
  while (transfers.some(({ behind, error }) => behind > 0 && !error) && performance.now() < until)
    await sleep(100);
  return transfers.filter(({ error, behind }) => error !== null || behind > 0);
}

/** Prints the transfers that failed. */
export function printFailed(failed) {
  console.log(failed.length === 0 ? 'no connection was lost' : `${failed.length} connections failed:`);
  for (const { error, behind } of failed)
    console.log(`  ${error ?? 'did not complete'}, ${behind} messages did not arrive`);
}

/**
 * A soak test of path health: random outages of two uplinks while connections carry checked data. An outage is a pulled
 * cable, a path that dies while its link keeps carrier (the far end leaves its bridge), or resets of all subflows of
 * one path, as by a NAT that drops idle connections. Each connection must receive what it sent, in order, and none may
 * break. As root:
 *
 *     node bench/soak.mjs [MINUTES] [CONNECTIONS] [SEED] [alone]
 *
 * `alone`: the same outages without the daemon, with endpoints and policy rules made by ip(8), to compare.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { Socket, createServer } from 'node:net';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [minutes = 10, connections = 20, seed = Date.now() % 1e6] = process.argv.slice(2, 5).map(Number);
const isAlone = process.argv[5] === 'alone';
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

if (process.env.SOAK_INSIDE !== '1') {
  const { status } = spawnSync(
    'unshare',
    [
      '--net',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-c',
      'mount -t tmpfs tmpfs /run && mkdir /run/netns && exec "$@"',
      'sh',
      process.execPath,
      fileURLToPath(import.meta.url),
      `${minutes}`,
      `${connections}`,
      `${seed}`,
      ...(isAlone ? ['alone'] : []),
    ],
    { stdio: 'inherit', env: { ...process.env, SOAK_INSIDE: '1' } },
  );
  process.exit(status ?? 1);
}

const addon = createRequire(import.meta.url)('node-gyp-build')(join(root, 'native'));
addon.setErrorClass(
  class extends Error {
    constructor(errno, syscall, text, subject) {
      super(`${syscall} ${subject}: ${text}`);
    }
  },
);

/** Mulberry32, so that a run can be repeated with its seed. */
let state = seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const SERVER = '203.0.113.80';
const PORT = 8080;
const ip = (words, netns) =>
  execFileSync('ip', [...(netns === undefined ? [] : ['-n', netns]), ...words.split(' ')]);
const far = (words) => ip(words, 'far');
const PATHS = [1, 2];

function wire() {
  ip('link set lo up');
  ip('netns add far');
  far('link set lo up');
  far(`address add ${SERVER}/32 dev lo`);
  execFileSync('ip', ['netns', 'exec', 'far', 'ip', 'mptcp', 'limits', 'set', 'subflows', '8']);
  for (const n of PATHS) {
    far(`link add b${n} type bridge`);
    far(`address add 10.${n}.0.1/24 dev b${n}`);
    far(`link set b${n} up`);
    ip(`link add u${n} type veth peer name p${n} netns far`);
    far(`link set p${n} master b${n} up`);
    ip(`link set u${n} up`);
    ip(`address add 10.${n}.0.2/24 dev u${n}`);
    ip(`route add default via 10.${n}.0.1 dev u${n} metric ${n}`);
  }
}

/** A connection that sends numbered messages, which the server echoes. */
class Exchange {
  #sent = 0;
  #received = 0;
  #pending = Buffer.alloc(0);
  #last = performance.now();
  /** The longest time without an answer, in milliseconds. */
  longest = 0;
  error = null;
  constructor(socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#take(data));
    socket.on('error', (error) => (this.error ??= error.message));
    socket.on('close', () => (this.error ??= 'closed'));
  }

  get behind() {
    return this.#sent - this.#received;
  }

  get received() {
    return this.#received;
  }

  send() {
    if (this.error || this.behind > 200) return;
    if (this.behind === 0) this.#last = performance.now();
    const message = Buffer.alloc(500, this.#sent & 255);
    message.writeUInt32BE(this.#sent++, 0);
    this.socket.write(message);
  }

  #take(data) {
    const now = performance.now();
    this.longest = Math.max(this.longest, now - this.#last);
    this.#last = now;
    this.#pending = Buffer.concat([this.#pending, data]);
    while (this.#pending.length >= 500) {
      const number = this.#pending.readUInt32BE(0);
      if (number !== this.#received || this.#pending[499] !== (number & 255))
        this.error ??= `message ${number} arrived instead of ${this.#received}`;
      this.#received++;
      this.#pending = this.#pending.subarray(500);
    }
  }
}

async function open() {
  const socket = new Socket({ fd: addon.streamSocket(false, true, undefined, undefined, undefined, 0, -1) });
  const exchange = new Exchange(socket);
  await new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ host: SERVER, port: PORT }, resolve);
  });
  return exchange;
}

/** At most one path is dead at any time, because otherwise no data could move. */
const OUTAGES = {
  cable: { begin: (n) => far(`link set p${n} down`), end: (n) => far(`link set p${n} up`) },
  silent: { begin: (n) => far(`link set p${n} nomaster`), end: (n) => far(`link set p${n} master b${n}`) },
  resets: {
    begin: (n) =>
      execFileSync('ip', ['netns', 'exec', 'far', 'ss', '-K', 'dst', `10.${n}.0.2`], { stdio: 'ignore' }),
    end: () => undefined,
  },
};

/** Adds by ip(8) what the daemon would add for these uplinks. */
function configure() {
  ip('mptcp limits set subflows 8');
  for (const n of PATHS) {
    ip(`route add default via 10.${n}.0.1 dev u${n} table ${100 + n}`);
    ip(`rule add from 10.${n}.0.2 lookup ${100 + n}`);
    ip(`mptcp endpoint add 10.${n}.0.2 dev u${n} subflow`);
  }
  return { pid: null, log: () => '', isEnded: () => false, kill: () => undefined };
}

async function start() {
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-soak-'));
  const config = join(folder, 'config.yaml');
  writeFileSync(config, 'rules: { "u*": subflow }\n', { mode: 0o644 });
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), 'run', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (log += text));
  let isEnded = false;
  child.once('exit', () => (isEnded = true));
  while (!/u2 .*: active/.test(log) && !isEnded) await sleep(50);
  return { pid: child.pid, log: () => log, isEnded: () => isEnded, kill: () => child.kill() };
}

async function main() {
  wire();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen({ fd: addon.streamSocket(false, true, '/run/netns/far', undefined, SERVER, PORT, 511) });
  const daemon = isAlone ? configure() : await start();
  const exchanges = await Promise.all(Array.from({ length: connections }, open));
  const timer = setInterval(() => exchanges.forEach((exchange) => exchange.send()), 10);
  await sleep(2000);
  const stalls = { cable: [], silent: [], resets: [] };
  const until = performance.now() + minutes * 60_000;
  while (performance.now() < until && !daemon.isEnded() && exchanges.every(({ error }) => error === null)) {
    const kind = Object.keys(OUTAGES)[Math.floor(random() * 3)];
    const n = PATHS[Math.floor(random() * PATHS.length)];
    for (const exchange of exchanges) exchange.longest = 0;
    OUTAGES[kind].begin(n);
    await sleep(300 + random() * 6000);
    OUTAGES[kind].end(n);
    await sleep(1500 + random() * 4000);
    stalls[kind].push(Math.max(...exchanges.map(({ longest }) => longest)));
  }
  clearInterval(timer);
  const settled = performance.now() + 60_000;
  while (exchanges.some(({ behind, error }) => behind > 0 && !error) && performance.now() < settled)
    await sleep(100);
  report(exchanges, stalls, daemon);
  daemon.kill();
  const broken = daemon.isEnded() || exchanges.some(({ error, behind }) => error !== null || behind > 0);
  process.exit(broken ? 1 : 0);
}

/** Seconds of processor time of a process: proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms. */
function secondsOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function report(exchanges, stalls, daemon) {
  const messages = exchanges.reduce((sum, { received }) => sum + received, 0);
  console.log(
    `seed ${seed}, ${minutes} min, ${exchanges.length} connections: ${messages} messages of 500 bytes received in order`,
  );
  for (const [kind, each] of Object.entries(stalls)) {
    const sorted = each.toSorted((a, b) => a - b);
    const at = (part) => `${Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)} ms`;
    console.log(
      `${kind}: ${each.length} outages; longest stall of any connection: median ${at(0.5)}, 90 % ${at(0.9)}, worst ${at(1)}`,
    );
  }
  const bad = exchanges.filter(({ error, behind }) => error !== null || behind > 0);
  console.log(bad.length === 0 ? 'no connection was lost' : `${bad.length} connections failed:`);
  for (const { error, behind } of bad)
    console.log(`  ${error ?? 'did not complete'}, ${behind} messages without an answer`);
  if (daemon.pid === null) return;
  if (daemon.isEnded()) console.log(`the daemon ended by itself: ${daemon.log().split('\n').at(-2)}`);
  else console.log(`daemon: ${secondsOf(daemon.pid).toFixed(1)} s of processor time`);
}

await main();

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
import { execFileSync } from 'node:child_process';
import {
  connect,
  enterNamespaces,
  listen,
  printFailed,
  randomOf,
  settle,
  startDaemon,
  Transfer,
} from './long-run.mjs';
import { sleep, usageOf } from './process.mjs';

const [minutes = 10, connections = 20, seed = Date.now() % 1e6] = process.argv.slice(2, 5).map(Number);
const isAlone = process.argv[5] === 'alone';
enterNamespaces(import.meta.url, [
  ...[`${minutes}`, `${connections}`, `${seed}`],
  ...(isAlone ? ['alone'] : []),
]);
const random = randomOf(seed);

const SERVER = '203.0.113.80';
/** A stall that is longer is printed with its time and kind. */
const LONG_MS = 5_000;
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

async function main() {
  wire();
  listen(SERVER, (socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  const daemon = isAlone ? configure() : await startDaemon({ rules: { 'u*': 'subflow' } }, /u2 .*: active/);
  const open = async () => new Transfer(await connect(SERVER));
  const transfers = await Promise.all(Array.from({ length: connections }, open));
  const timer = setInterval(() => transfers.forEach((transfer) => transfer.send()), 10);
  await sleep(2000);
  const stalls = { cable: [], silent: [], resets: [] };
  const began = performance.now();
  const until = began + minutes * 60_000;
  while (performance.now() < until && !daemon.isEnded() && transfers.every(({ error }) => error === null)) {
    const kind = Object.keys(OUTAGES)[Math.floor(random() * 3)];
    const n = PATHS[Math.floor(random() * PATHS.length)];
    for (const transfer of transfers) transfer.longest = 0;
    const at = Math.round((performance.now() - began) / 1000);
    OUTAGES[kind].begin(n);
    await sleep(300 + random() * 6000);
    OUTAGES[kind].end(n);
    await sleep(1500 + random() * 4000);
    const longest = Math.max(...transfers.map((transfer) => transfer.longest));
    stalls[kind].push(longest);
    if (longest > LONG_MS)
      console.log(`after ${at} s: ${kind} of path ${n}: stall of ${(longest / 1000).toFixed(1)} s`);
  }
  clearInterval(timer);
  const failed = await settle(transfers);
  report(transfers, stalls);
  printFailed(failed);
  if (daemon.isEnded()) console.log(`the daemon ended by itself: ${daemon.log().split('\n').at(-2)}`);
  else if (daemon.pid !== null)
    console.log(`daemon: ${(usageOf(daemon.pid).cpu / 1000).toFixed(1)} s of processor time`);
  const isBroken = daemon.isEnded() || failed.length > 0;
  daemon.kill();
  process.exit(isBroken ? 1 : 0);
}

function report(transfers, stalls) {
  const messages = transfers.reduce((sum, { received }) => sum + received, 0);
  console.log(
    `seed ${seed}, ${minutes} min, ${transfers.length} connections: ${messages} messages of 500 bytes received in order`,
  );
  for (const [kind, each] of Object.entries(stalls)) {
    const sorted = each.toSorted((a, b) => a - b);
    const at = (part) => `${Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)} ms`;
    console.log(
      `${kind}: ${each.length} outages; longest stall of any connection: median ${at(0.5)}, 90 % ${at(0.9)}, worst ${at(1)}`,
    );
  }
}

await main();

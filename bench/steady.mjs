/**
 * Steady traffic on two uplinks that work, but not well: both lose packets at random, and every few minutes the
 * round-trip time of one or both grows tenfold at once, and later falls again. Uploads, downloads and echoes go on all
 * the time. The daemon must do nothing: no uplink may be suspect, no subflow may be closed and no `down` hook may run.
 * Prints what happened; the exit code is 1 if anything did. As root:
 *
 *     node bench/steady.mjs [MINUTES] [LOSS_PERCENT]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ip, openLab, SERVER } from './lab.mjs';
import { connect, enterNamespaces, listen, printFailed, settle, startDaemon, Transfer } from './long-run.mjs';
import { sleep, usageOf } from './process.mjs';
import { compile } from './programs.mjs';

const [minutes = 60, loss = 2] = process.argv.slice(2, 4).map(Number);
enterNamespaces(import.meta.url, [`${minutes}`, `${loss}`]);

/** Of each kind. */
const CONNECTIONS = 2;
/** Every PERIOD_MS each connection sends BYTES. */
const PERIOD_MS = 20;
const BYTES = 2_000;
/** Milliseconds in each direction of the two paths, one after the other. */
const DELAYS = [
  [15, 30],
  [150, 30],
  [15, 30],
  [15, 300],
  [15, 30],
  [150, 300],
];
const STEP_MS = Math.min(180_000, (minutes * 60_000) / DELAYS.length);
const HOOKS = '/run/hooks';
const CALLS = '/run/calls';
/** A subflow that lives no longer was opened by the daemon to try a path, and is closed again. */
const TRY_MS = 5_000;

/** Records the subflows that were opened and closed, by `ip mptcp monitor`. */
function monitor() {
  const events = [];
  const child = spawn('ip', ['mptcp', 'monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const kind = /SF_(ESTABLISHED|CLOSED)/.exec(text)?.[1];
    const field = (name) => new RegExp(`\\b${name}=(\\S+)`).exec(text)?.[1];
    if (kind) events.push({ kind, at: performance.now(), key: `${field('token')} ${field('sport')}`, text });
  });
  return events;
}

/** Splits the closed subflows into those of tries and others. */
function closedOf(events) {
  const isTry = ({ key, at }) =>
    events.some((other) => other.kind === 'ESTABLISHED' && other.key === key && at - other.at < TRY_MS);
  const closed = events.filter(({ kind }) => kind === 'CLOSED');
  return { tried: closed.filter(isTry), others: closed.filter((event) => !isTry(event)) };
}

/** Opens connections in each direction. */
async function openTransfers() {
  const accepted = new Map();
  listen(SERVER, (socket) => accepted.set(socket.remotePort, socket));
  const transfers = [];
  for (const kind of ['upload', 'download', 'echo'])
    for (let n = 0; n < CONNECTIONS; n++) {
      const near = await connect(SERVER);
      while (!accepted.has(near.localPort)) await sleep(5);
      const far = accepted.get(near.localPort);
      if (kind === 'upload') transfers.push(new Transfer(near, far, BYTES));
      if (kind === 'download') transfers.push(new Transfer(far, near, BYTES));
      if (kind === 'echo') {
        far.setNoDelay(true);
        far.on('error', () => undefined);
        far.pipe(far);
        transfers.push(new Transfer(near, near, BYTES));
      }
    }
  return transfers;
}

function installHook() {
  mkdirSync(HOOKS, { mode: 0o755 });
  writeFileSync(join(HOOKS, 'record'), `#!/bin/sh\necho "$1 $2 $MULTIHOMED_REASON" >>${CALLS}\n`, {
    mode: 0o755,
  });
}

async function main() {
  const programs = compile(mkdtempSync(join(tmpdir(), 'multihomed-steady-')), ['observer', 'line']);
  const lab = await openLab(programs, { count: 2, used: 2, server: true, delays: DELAYS[0] });
  // One packet is lost at a time, not 64 kB of them.
  const links = [1, 2];
  ip(links.map((n) => `link set u${n} gso_max_segs 1`));
  ip(
    links.map((n) => `link set p${n} gso_max_segs 1`),
    'far',
  );
  installHook();
  const configuration = { rules: { 'u*': 'subflow' }, hooks: { path: HOOKS } };
  const daemon = await startDaemon(configuration, /u2 .*: active/);
  const transfers = await openTransfers();
  const timer = setInterval(() => transfers.forEach((transfer) => transfer.send()), PERIOD_MS);
  await sleep(2_000);
  const events = monitor();
  for (const line of lab.lines) await line.ask(`loss ${loss}`);
  const began = performance.now();
  const usedBefore = usageOf(daemon.pid).cpu;
  const until = began + minutes * 60_000;
  const isGoing = () => !daemon.isEnded() && transfers.every(({ error }) => error === null);
  for (let step = 0; performance.now() < until && isGoing(); step++) {
    const delays = DELAYS[step % DELAYS.length];
    for (const [at, line] of lab.lines.entries()) await line.ask(`delay ${delays[at]}`);
    for (const transfer of transfers) transfer.longest = 0;
    for (const end = performance.now() + STEP_MS; performance.now() < Math.min(end, until) && isGoing();)
      await sleep(500);
    const longest = Math.max(...transfers.map((transfer) => transfer.longest));
    const rtt = delays.map((each) => 2 * each).join('/');
    console.log(
      `${minutesSince(began)}: RTT ${rtt} ms: longest time without a message ${Math.round(longest)} ms`,
    );
  }
  clearInterval(timer);
  const used = (usageOf(daemon.pid).cpu - usedBefore) / (performance.now() - began);
  const failed = await settle(transfers);
  printFailed(failed);
  const isQuiet = report(transfers, events, daemon, began);
  console.log(`daemon: ${(used * 100).toFixed(1)} % of a processor`);
  const isBroken = daemon.isEnded() || failed.length > 0 || !isQuiet;
  daemon.kill();
  process.exit(isBroken ? 1 : 0);
}

const minutesSince = (began, at = performance.now()) => `after ${((at - began) / 60_000).toFixed(1)} min`;

/** Prints what the daemon did. Returns whether it did nothing. */
function report(transfers, events, daemon, began) {
  const suspicions = daemon
    .log()
    .split('\n')
    .filter((line) => line.includes('suspect'));
  const calls = existsSync(CALLS) ? readFileSync(CALLS, 'utf8').split('\n') : [];
  const down = calls.filter((line) => / down /.test(line));
  const { tried, others } = closedOf(events);
  const megabytes = (transfers.reduce((sum, { received }) => sum + received, 0) * BYTES) / 1e6;
  console.log(
    `${minutes} min, ${loss} % loss, ${transfers.length} connections, ${Math.round(megabytes)} MB received in order: ` +
      `${suspicions.length} suspicions, ${others.length} subflows closed, ${down.length} down hooks; ` +
      `${tried.length} subflows opened to try a path`,
  );
  for (const text of [...suspicions, ...down]) console.log(`  ${text}`);
  for (const { at, text } of others) console.log(`  ${minutesSince(began, at)}: ${text}`);
  return suspicions.length + others.length + down.length === 0;
}

await main();

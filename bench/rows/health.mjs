/** Rows: paths that die while their links keep carrier, subflows that are reset, and the processor time of watching. */
import { execFileSync, spawn } from 'node:child_process';
import { addressOf, openLab, SERVER } from '../lab.mjs';
import { dialogue, inside, sleep, usageOf } from '../process.mjs';

/** Milliseconds between two messages, and their bytes: several segments are on the way when the path dies. */
const PACE = ['5', '12000'];
/** Milliseconds after the death in which the longest time without data is measured. */
const WINDOW_MS = 2_500;
/** Seconds within which a path that works again should be used again. */
const RETURN_S = 5;
/** Connections beside the one whose subflow is reset. */
const OTHERS = 100;
/** Milliseconds until a new connection has its subflows and moves data on both paths. */
const SETTLE_MS = 1_000;

const server = (lab) => dialogue(inside('far', lab.programs.traffic, 'server', SERVER));
const client = (lab, direction, count, pace) =>
  dialogue([lab.programs.traffic, 'client', SERVER, addressOf(1), direction, `${count}`, ...pace]);

const subflow = (n, state) => `wait subflow ${addressOf(n)} ${state}`;

/** `delays`: milliseconds in each direction of the two paths. */
async function die({ subject, programs, add, sizes }, delays) {
  const lab = await openLab(programs, { count: 2, server: true, delays });
  let running = await subject.start(lab);
  await lab.attempt(`limit ${RETURN_S}`);
  for (const n of [1, 2]) await subject.plug(lab, n);
  const far = await server(lab);
  const follows = subject.main !== undefined;
  const name = `RTT ${delays.map((each) => 2 * each).join('/')} ms`;
  for (const direction of ['up', 'down'])
    for (let n = 0; n < (follows ? sizes.deaths : sizes.deaths / 2); n++) {
      const near = await client(lab, direction, 1, PACE);
      const receiver = direction === 'up' ? far : near;
      await lab.attempt('mark', subflow(2, 1));
      // At different moments of a round trip.
      await sleep(SETTLE_MS + 7 * n);
      await receiver.ask('go');
      await lab.lines[0].ask('cut');
      await sleep(WINDOW_MS);
      add(`stall when a path dies, ${direction}load, ${name}`, 'ms', Number(await receiver.ask('gap')));
      await lab.attempt('mark');
      await lab.lines[0].ask('restore');
      if (follows) {
        const [seconds] = await lab.attempt(subflow(1, 1));
        add(`path works again → subflow, ${name}`, 'ms', seconds * 1000);
      }
      near.end();
      await sleep(500);
      // Without its memory: a path that failed twice within two minutes is tried again only after a pause.
      if (!follows) continue;
      await running.stop();
      lab.used = 2;
      running = await subject.start(lab);
    }
  far.end();
  await running.stop();
}

/** The local ports of the established subflows of uplink `n`. */
const portsOf = (n) =>
  execFileSync('ss', ['-tnH', 'state', 'established', 'src', addressOf(n)])
    .toString()
    .split('\n')
    .flatMap((line) => /:(\d+)\s/.exec(line)?.[1] ?? []);

/** One subflow of many is reset by the far end, as by a NAT that has forgotten it. */
async function reset({ subject, programs, add, sizes }) {
  const lab = await openLab(programs, { count: 2, server: true });
  const running = await subject.start(lab);
  for (const n of [1, 2]) await subject.plug(lab, n);
  const far = await server(lab);
  const near = await client(lab, 'up', OTHERS + 1, ['1000', '2000']);
  await sleep(3 * SETTLE_MS);
  const monitor = spawn('ip', ['mptcp', 'monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let closed = 0;
  monitor.stdout.on('data', (text) => (closed += `${text}`.split('SF_CLOSED').length - 1));
  await sleep(SETTLE_MS);
  const ports = portsOf(2);
  if (ports.length !== OTHERS + 1) throw new Error(`${ports.length} subflows instead of ${OTHERS + 1}`);
  for (const port of ports.slice(0, sizes.resets)) {
    closed = 0;
    const filter = ['dst', addressOf(2), 'and', 'dport', '=', `:${port}`];
    execFileSync('ip', ['netns', 'exec', 'far', 'ss', '-K', ...filter], { stdio: 'ignore' });
    const began = performance.now();
    const isBack = () => portsOf(2).length > OTHERS;
    while (isBack() && performance.now() < began + RETURN_S * 1000) await sleep(1);
    while (!isBack() && performance.now() < began + RETURN_S * 1000) await sleep(5);
    const took = performance.now() - began;
    add(`reset subflow → back, beside ${OTHERS} connections`, 'ms', isBack() ? took : Infinity);
    await sleep(SETTLE_MS);
    add('subflows of others closed after a reset', '', closed - 1);
  }
  monitor.kill();
  near.end();
  far.end();
  await running.stop();
}

/** What the daemon uses while connections are busy, and while they rest. */
async function watch({ subject, programs, add, sizes }, count) {
  if (count > sizes.connections) return;
  const lab = await openLab(programs, { count: 2, server: true });
  const running = await subject.start(lab);
  await lab.attempt('limit 5');
  for (const n of [1, 2]) await subject.plug(lab, n);
  const far = await server(lab);
  // At most 2,000 messages a second in all.
  const near = await client(lab, 'up', count, [`${Math.max(5, count / 2)}`, '2000']);
  const name = `${count.toLocaleString('en-US')} ${count === 1 ? 'connection' : 'connections'}`;
  const busy = await usage(running.pid, sizes);
  add(`${name}, busy: CPU`, '%', busy.cpu);
  await near.ask('pause');
  const idle = await usage(running.pid, sizes);
  add(`${name}, idle: CPU`, '%', idle.cpu);
  add(`${name}, idle: wake-ups a second`, '', idle.wakeups);
  near.end();
  far.end();
  await running.stop();
}

/**
 * The share of a processor in percent, and wake-ups a second, in `seconds`. Before, in `rest` seconds, the daemon spends what
 * it had saved up for reading sockets, and V8 collects its garbage.
 */
async function usage(pid, { rest, watch: seconds }) {
  await sleep(rest * 1000);
  const before = usageOf(pid);
  await sleep(seconds * 1000);
  const after = usageOf(pid);
  return {
    cpu: (after.cpu - before.cpu) / seconds / 10,
    wakeups: (after.wakeups - before.wakeups) / seconds,
  };
}

const addsEndpoints = ({ name }) => !['floor', 'shell script'].includes(name);

export const ROWS = [
  { name: 'death', rounds: 2, subjects: addsEndpoints, run: (context) => die(context, [0, 0]) },
  { name: 'death-30-60', rounds: 2, subjects: addsEndpoints, run: (context) => die(context, [15, 30]) },
  { name: 'reset', rounds: 1, subjects: (subject) => subject.main !== undefined, run: reset },
  ...[1, 100, 1_000].map((count) => ({
    name: `watch-${count}`,
    rounds: 1,
    subjects: (subject) => subject.main !== undefined,
    run: (context) => watch(context, count),
  })),
];

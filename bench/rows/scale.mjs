/** Rows: many uplinks. */
import { addressOf, openLab } from '../lab.mjs';
import { sleep, usageOf } from '../process.mjs';
import { endpointGone } from '../subjects.mjs';
import { milliseconds } from './plug.mjs';

const BURST = 50;
const PLUGS = 3;
/** A process that uses less than this many milliseconds of processor time in half a second is idle. */
const IDLE_MS = 10;

const manages = (subject) => subject.main !== undefined || subject.name === 'floor';

async function burst({ subject, programs, add, sizes }) {
  const lab = await openLab(programs, { count: BURST + 1 });
  const { pid, stop } = await subject.start(lab);
  await subject.plug(lab, 1);
  const numbers = Array.from({ length: BURST }, (_, n) => n + 2);
  const [plugs, unplugs] = ['plug', 'unplug'].map((change) => numbers.flatMap((n) => lab[change](n)));
  await lab.run('mark', ...plugs, `wait rules ${BURST + 1}`);
  for (let n = 0; n < sizes.bursts; n++) {
    await lab.run('mark', ...unplugs, 'wait rules 1');
    await sleep(700);
    const before = usageOf(pid);
    const [seconds] = await lab.run('mark', ...plugs, `wait rules ${BURST + 1}`);
    await sleep(500);
    add(`${BURST} plugs → all policy rules`, 'ms', milliseconds(seconds));
    add(`CPU for ${BURST} plugs`, 'ms', usageOf(pid).cpu - before.cpu);
  }
  await stop();
}

/** Formats a number with commas. */
const written = (count) => count.toLocaleString('en-US');

/** Waits until a process is idle for half a second, at most a minute. */
async function becomesIdle(pid) {
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    const before = usageOf(pid).cpu;
    await sleep(500);
    if (usageOf(pid).cpu - before < IDLE_MS) return;
  }
}

async function growth(context, count) {
  const { subject, programs, add } = context;
  const isFloor = subject.name === 'floor';
  // The floor does not manage uplinks that exist when it starts.
  const lab = await openLab(programs, { count: count + 1, used: isFloor ? 0 : count });
  await sleep(500);
  const { pid, stop, seconds } = await subject.start(lab);
  if (isFloor) lab.use(count);
  else add(`${written(count)} uplinks: start → all policy rules`, 'ms', milliseconds(seconds));
  await lab.run('mark', `wait rules ${count}`);
  await becomesIdle(pid);
  if (!isFloor) add(`${written(count)} uplinks: CPU from the start until idle`, 'ms', usageOf(pid).cpu);
  await plugs({ lab, pid, add }, count);
  await downs({ lab, add }, count);
  await stop();
}

async function plugs({ lab, pid, add }, count) {
  const last = count + 1;
  const wait = (state) => `wait rule ${addressOf(last)} ${state}`;
  for (let n = 0; n <= PLUGS; n++) {
    const before = usageOf(pid);
    const [seconds] = await lab.run('mark', ...lab.plug(last), wait(1));
    await becomesIdle(pid);
    const { cpu } = usageOf(pid);
    await lab.run('mark', ...lab.unplug(last), wait(0));
    await becomesIdle(pid);
    // The first runs in code that is not compiled yet.
    if (n === 0) continue;
    add(`${written(count)} uplinks: one more plug → policy rule`, 'ms', milliseconds(seconds));
    add(`${written(count)} uplinks: CPU for one more plug`, 'ms', cpu - before.cpu);
  }
}

/** Sets uplinks that have endpoints down, and up again; another uplink gets the slot of the endpoint. */
async function downs({ lab, add }, count) {
  for (let n = 1; n <= PLUGS + 1; n++) {
    const index = lab.here.get(n);
    const [seconds] = await lab.run('mark', `link down ${index}`, endpointGone(n));
    await sleep(500);
    const row = `${written(count)} uplinks: link set down → endpoint gone`;
    if (n > 1) add(row, 'ms', milliseconds(seconds));
    await lab.run(`link up ${index}`, 'pause 50', lab.route(n), 'mark', `wait rules ${count}`);
    await sleep(500);
  }
}

export const ROWS = [
  { name: 'burst', rounds: 2, subjects: manages, run: burst },
  ...[10, 100, 1000].map((count) => ({
    name: `growth-${count}`,
    rounds: 1,
    subjects: manages,
    run: (context) => growth(context, count),
  })),
];

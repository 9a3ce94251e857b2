/** Rows: an MPTCP connection with steady data, as its receiver sees it. */
import { addressOf, LINKWATCH_MS, openLab, SERVER } from '../lab.mjs';
import { dialogue, inside, sleep } from '../process.mjs';
import { milliseconds } from './plug.mjs';

/** Milliseconds between two messages, and the bytes of each. */
const PACE = ['1', '1000'];
/**
 * Milliseconds after the loss in which the longest time without data is measured; followed: the subject reacts to it.
 */
const WINDOW_MS = { followed: 600, 'not followed': 3000 };
/** Seconds. The first SYN of a join that takes longer was lost: TCP sends it again after a second. */
const LATE_S = 0.5;

/** A connection from the first uplink, which sends without pause. */
async function connect({ programs }) {
  const server = await dialogue(inside('far', programs.traffic, 'server', SERVER));
  const client = await dialogue([programs.traffic, 'client', SERVER, addressOf(1), 'up', '1', ...PACE]);
  return {
    server,
    end: () => {
      client.end();
      server.end();
    },
  };
}

const subflow = (n, state) => `wait subflow ${addressOf(n)} ${state}`;

/** `delays`: milliseconds in each direction of both paths; null: no delay, and no program that forwards packets. */
async function stall({ subject, programs, add, sizes }, delays) {
  const lab = await openLab(programs, { count: 2, server: true, delays });
  const running = await subject.start(lab);
  await lab.attempt('limit 5');
  for (const n of [1, 2]) await subject.plug(lab, n);
  const { server, end } = await connect(lab);
  await lab.run('mark', subflow(2, 1));
  const name = `RTT ${delays ? delays.map((each) => 2 * each).join('/') : 0} ms`;
  let followed = !subject.passive;
  // The reports of links that have just been made delay the first one, which does not count.
  const most = subject.passive || subject.otherProgram ? sizes.stalls / 2 + 1 : sizes.stalls;
  for (let n = 0; n <= most; n++) {
    const count = (row, value) => n > 0 && add(`${row}, ${name}`, 'ms', value);
    await sleep(LINKWATCH_MS);
    await server.ask('go');
    await lab.cable(1, 'down', ['mark'], []);
    await sleep(WINDOW_MS[followed ? 'followed' : 'not followed']);
    count('stall at carrier loss', Number(await server.ask('gap')));
    followed &&= (await lab.attempt('mark', 'limit 0.1', subflow(1, 0), 'limit 5'))[0] !== Infinity;
    await server.ask('go');
    const [joined] = await lab.cable(1, 'up', ['limit 5', 'mark'], [subflow(1, 1)]);
    if (followed) count('failover, carrier back → subflow', milliseconds(joined));
    if (joined === Infinity && !(await subject.reset(lab, 1))) break;
    await sleep(200);
    count('longest pause when the carrier is back', Number(await server.ask('gap')));
  }
  end();
  await running.stop();
}

/** A link with carrier is plugged; then a link without carrier, which gets carrier at the same time. */
async function join({ subject, programs, add, sizes }) {
  const lab = await openLab(programs, { count: 2, server: true });
  const running = await subject.start(lab);
  await subject.plug(lab, 1);
  const { end } = await connect(lab);
  for (let n = 0; n < sizes.joins; n++) {
    const [seconds] = await lab.run('mark', ...lab.plug(2), subflow(2, 1));
    add('plug → subflow', 'ms', milliseconds(seconds));
    await lab.run(...lab.unplug(2), 'mark', subflow(2, 0));
    await sleep(300);
  }
  let late = 0;
  for (let n = 0; n < sizes.joins; n++) {
    await lab.cable(2, 'down', [], []);
    await sleep(LINKWATCH_MS);
    const [seconds] = await lab.cable(2, 'up', ['mark'], [...lab.plug(2), subflow(2, 1)]);
    add('carrier and plug → subflow', 'ms', milliseconds(seconds));
    if (seconds > LATE_S) late++;
    await lab.run(...lab.unplug(2), 'mark', subflow(2, 0));
    await sleep(200);
  }
  add('carrier and plug → subflow, share after more than 0.5 s', '%', (late / sizes.joins) * 100);
  end();
  await running.stop();
}

const followsBoth = (subject) => subject.main !== undefined || subject.name === 'floor';

export const ROWS = [
  { name: 'stall', subjects: (subject) => !subject.otherProgram, run: (context) => stall(context, null) },
  { name: 'stall-30-60', subjects: () => true, run: (context) => stall(context, [15, 30]) },
  { name: 'join', rounds: 2, subjects: followsBoth, run: join },
];

/** Rows: changes that concern no uplink, floods of changes, and idle programs. */
import { addressOf, gatewayOf, ip, LINKWATCH_MS, openLab } from '../lab.mjs';
import { sizeOf, sleep, usageOf } from '../process.mjs';
import { pair } from './plug.mjs';

const PER_SECOND = 5000;
const FLOOD = { changes: 20_000, uplinks: 50 };
const FLAPS = 20;

const measured = (subject) => !subject.unmeasured;

/** Many routes in the main table through a link that no rule selects. */
async function routes(context) {
  const { add, sizes } = context;
  const { lab, pid, stop } = await pair(context);
  const name = sizes.routes.toLocaleString('en-US');
  const before = sizeOf(pid);
  await lab.run(`fill ${lab.foreign} ${sizes.routes} 0.0.0.0`);
  await sleep(3000);
  for (const [what, gateway] of [
    ['without gateway', '0.0.0.0'],
    ['with gateway', '172.31.0.2'],
  ]) {
    const used = usageOf(pid);
    const changes = sizes.churn * PER_SECOND;
    // Each route is added and deleted, which are two changes.
    const [seconds] = await lab.run(`churn ${lab.foreign} ${changes / 2} ${PER_SECOND} ${gateway}`);
    await sleep(500);
    const share = (usageOf(pid).cpu - used.cpu) / seconds / 10;
    add(`${name} routes, ${PER_SECOND.toLocaleString('en-US')} changes a second ${what}`, '% CPU', share);
    // Lower than PER_SECOND if the kernel or the machine is too slow.
    add(`${name} routes, actual changes a second ${what}`, '/s', changes / seconds);
  }
  add(`${name} routes, growth of resident memory`, 'MB', sizeOf(pid).rss - before.rss);
  await stop();
}

/** The same sequence at every run: a multiplicative generator modulo a prime. */
function* floodLines() {
  let state = 1;
  for (let n = 0; n < FLOOD.changes / 4; n++) {
    state = (state * 48271) % 0x7fff_ffff;
    const i = (state % FLOOD.uplinks) + 1;
    const [address, route] = [`${addressOf(i)}/24 dev u${i}`, `default via ${gatewayOf(i)} dev u${i}`];
    yield `addr replace ${address}`;
    yield `route replace ${route} metric ${100 + i}`;
    yield `route del ${route} metric ${100 + i}`;
    yield `addr del ${address}`;
  }
}

/** Addresses and default routes change as fast as ip(8) can; at the end all uplinks are in place. */
async function flood({ subject, programs, add }) {
  const lab = await openLab(programs, { count: FLOOD.uplinks });
  const { pid, stop } = await subject.start(lab);
  await sleep(1000);
  const before = usageOf(pid);
  ip([...floodLines()]);
  lab.use(FLOOD.uplinks);
  const [seconds] = await lab.run('mark', `wait rules ${FLOOD.uplinks}`);
  await sleep(1000);
  const name = `flood of ${FLOOD.changes.toLocaleString('en-US')} changes`;
  add(`${name}: last change → all policy rules`, 'ms', seconds * 1000);
  add(`${name}: CPU`, 'ms', usageOf(pid).cpu - before.cpu);
  add(`${name}: resident memory`, 'MB', sizeOf(pid).rss);
  await stop();
}

/** A cable with a bad contact: its carrier is lost and comes back repeatedly, every 50 ms. */
async function flaps(context) {
  const { add, sizes } = context;
  const { lab, pid, stop } = await pair(context);
  const index = lab.there.get(2);
  for (let n = 0; n < sizes.flaps; n++) {
    await sleep(LINKWATCH_MS);
    const before = usageOf(pid);
    const flap = [`carrier down ${index}`, 'pause 25', `carrier up ${index}`, 'pause 25'];
    await lab.attempt(...Array(FLAPS).fill(flap).flat());
    // The last report of the kernel may come a second later.
    await sleep(LINKWATCH_MS + 500);
    const [there] = await lab.attempt('mark', `wait endpoint ${addressOf(2)} 1`);
    add(`CPU for ${FLAPS} flaps of carrier in a second`, 'ms', usageOf(pid).cpu - before.cpu);
    add(`endpoint missing after ${FLAPS} flaps`, '%', there < 0.1 ? 0 : 100);
  }
  await stop();
}

async function idle(context) {
  const { subject, add, sizes } = context;
  const { pid, stop } = await pair(context);
  const seconds = subject.main === undefined ? sizes.idle / 6 : sizes.idle;
  // V8 collects the garbage of what came before.
  await sleep(sizes.rest * 1000);
  const before = usageOf(pid);
  await sleep(seconds * 1000);
  const after = usageOf(pid);
  add('idle: wake-ups a minute', '', ((after.wakeups - before.wakeups) / seconds) * 60);
  add('idle: CPU a minute', 'ms', ((after.cpu - before.cpu) / seconds) * 60);
  await stop();
}

const manages = (subject) => subject.main !== undefined || subject.name === 'floor';
const isMultihomed = (subject) => subject.main !== undefined;

export const ROWS = [
  { name: 'routes', rounds: 1, subjects: manages, run: routes },
  { name: 'flood', rounds: 2, subjects: isMultihomed, run: flood },
  { name: 'flaps', rounds: 1, subjects: manages, run: flaps },
  {
    name: 'idle',
    rounds: 1,
    subjects: (subject) => measured(subject) && subject.name !== 'floor',
    run: idle,
  },
];

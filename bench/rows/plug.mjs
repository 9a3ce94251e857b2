/** Rows: an uplink is plugged and unplugged; measured until its endpoint is added or deleted. */
import { addressOf, ip, LINKWATCH_MS, openLab } from '../lab.mjs';
import { sizeOf, sleep, usageOf } from '../process.mjs';
import { endpointGone, endpointThere } from '../subjects.mjs';

/** Seconds after which a change without an effect counts as missed. */
const LIMIT = 'limit 2.5';
const HOOKS = 3;

export const milliseconds = (seconds) => (seconds === null ? null : seconds * 1000);

/** Starts the subject on two uplinks. The first is in place, so that the loss of the other moves data at once. */
export async function pair({ subject, programs }, options) {
  const lab = await openLab(programs, { count: 2 });
  const running = await subject.start(lab, options);
  await lab.attempt(LIMIT);
  await subject.plug(lab, 1);
  await subject.plug(lab, 2);
  return { lab, ...running };
}

async function plug(context) {
  const { subject, add, sizes } = context;
  const { lab, pid, stop } = await pair(context);
  await subject.unplug(lab, 2);
  // The first changes are not measured: they are slower in a program that is compiled while it runs.
  for (let n = 0; n < sizes.samples / 4; n++) {
    await subject.plug(lab, 2);
    await subject.unplug(lab, 2);
  }
  await sleep(500);
  const before = usageOf(pid);
  for (let n = 0; n < sizes.samples; n++) {
    const { endpoint, route } = await subject.plug(lab, 2);
    add('address → endpoint', 'ms', milliseconds(endpoint));
    if (route !== null) add('address → route', 'ms', milliseconds(route));
    await sleep(100);
    const gone = await subject.unplug(lab, 2);
    add('address and route deleted → endpoint gone', 'ms', milliseconds(gone));
    await sleep(150);
  }
  await sleep(300);
  if (!subject.unmeasured) {
    const after = usageOf(pid);
    add('CPU for plug and unplug', 'ms', (after.cpu - before.cpu) / sizes.samples);
    add('wake-ups for plug and unplug', '', (after.wakeups - before.wakeups) / sizes.samples);
    const { rss, dirty, threads } = sizeOf(pid);
    add('resident memory', 'MB', rss);
    add('private dirty memory', 'MB', dirty);
    add('threads', '', threads);
  }
  await stop();
}

async function carriers(context, hooks) {
  const { subject, add, sizes } = context;
  const { lab, stop } = await pair(context, { hooks });
  const suffix = hooks === 0 ? '' : `, ${hooks} hooks`;
  let follows = true;
  // The reports of links that have just been made delay the first one, which does not count.
  for (let n = 0; n <= sizes.carriers; n++) {
    await sleep(LINKWATCH_MS);
    const [lost] = await lab.cable(2, 'down', ['mark'], [endpointGone(2)]);
    if (n > 0 || lost === Infinity) add(`carrier lost → endpoint gone${suffix}`, 'ms', milliseconds(lost));
    await sleep(LINKWATCH_MS);
    const [back] = await lab.cable(2, 'up', ['mark'], follows ? [endpointThere(2)] : []);
    if (lost === Infinity) break;
    if (hooks === 0 && follows && (n > 0 || back === Infinity))
      add('carrier back → endpoint', 'ms', milliseconds(back));
    follows &&= back !== Infinity;
    if (!follows && !(await subject.reset(lab, 2))) break;
  }
  await stop();
}

/** How an uplink is lost; `back` restores it. */
const LOSSES = [
  {
    what: 'default route deleted',
    lose: (lab) => [lab.route(2, 'delete')],
    back: (lab) => lab.attempt(lab.route(2)),
  },
  {
    what: 'address deleted',
    lose: (lab) => [lab.address(2, 'delete')],
    back: (lab) => lab.attempt(...lab.plug(2)),
  },
  {
    what: 'link set down',
    lose: (lab) => [`link down ${lab.here.get(2)}`],
    back: (lab) => lab.attempt(`link up ${lab.here.get(2)}`, 'pause 50', lab.route(2)),
  },
  {
    what: 'link deleted',
    lose: (lab) => [`link delete ${lab.here.get(2)}`],
    async back(lab) {
      await sleep(300);
      lab.remake(2);
      await lab.attempt('pause 50', ...lab.plug(2));
    },
  },
];

async function unplug(context) {
  const { subject, add, sizes } = context;
  const { lab, stop } = await pair(context);
  for (const { what, lose, back } of LOSSES)
    for (let n = 0; n <= sizes.losses; n++) {
      const [gone] = await lab.attempt('mark', ...lose(lab), endpointGone(2));
      // The first one runs in code that is not compiled yet.
      if (n > 0 || gone === Infinity) add(`${what} → endpoint gone`, 'ms', milliseconds(gone));
      await sleep(100);
      await back(lab);
      const [there] = await lab.attempt('mark', endpointThere(2));
      if ((gone === Infinity || there === Infinity) && !(await subject.reset(lab, 2))) return stop();
      if (gone === Infinity) break;
      await sleep(200);
    }
  return stop();
}

/** Links that no rule selects. */
async function foreign(context) {
  const { lab, pid, stop } = await pair(context);
  await sleep(1000);
  const before = usageOf(pid);
  for (let n = 0; n < 20; n++) {
    ip(['link add x0 type veth peer name x1', 'link set x0 up', 'link set x1 up', 'link delete x0']);
    await sleep(50);
  }
  await sleep(300);
  context.add('CPU for a foreign veth added and deleted', 'ms', (usageOf(pid).cpu - before.cpu) / 20);
  await lab.attempt('mark', `wait endpoint ${addressOf(2)} 1`);
  await stop();
}

const active = (subject) => !subject.passive;
const isMultihomed = (subject) => subject.main !== undefined;

export const ROWS = [
  { name: 'plug', subjects: active, run: plug },
  { name: 'carrier', subjects: active, run: (context) => carriers(context, 0) },
  { name: 'carrier-hooks', rounds: 2, subjects: isMultihomed, run: (context) => carriers(context, HOOKS) },
  { name: 'unplug', subjects: active, run: unplug },
  { name: 'foreign', rounds: 1, subjects: (subject) => active(subject) && !subject.unmeasured, run: foreign },
];

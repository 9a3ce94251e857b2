/** The measurements. Each row's function calls `add(row, unit, value)` once for each sample. */
import { execFileSync } from 'node:child_process';
import { addressOf, closeLab, ip, openLab, sizeOf, sleep, usageOf } from './lab.mjs';
import { daemonCommand } from './subjects.mjs';

/** The kernel delays the report of a lost carrier up to a second after the one before. */
const LINKWATCH_MS = 1100;

/** Runs `body` beside a subject that manages the first `used` of `count` uplinks. */
async function beside(subject, programs, [count, used], body) {
  const lab = openLab(programs, count, used);
  try {
    const running = await subject.start(lab);
    try {
      await body(lab, running.pid);
    } finally {
      await running.stop();
    }
  } finally {
    closeLab(lab);
  }
}

/** One uplink is in place, so that the loss of the other moves data at once. */
async function one(subject, programs, add, { samples }) {
  await beside(subject, programs, [2, 0], async (lab, pid) => {
    const index = lab.here.get(2);
    const [gone, here] = [0, 1].map((state) => `wait endpoint ${addressOf(2)} ${state}`);
    const table = subject.endpointsOnly ? [] : [`wait table ${index} 1`];
    const emptied = subject.endpointsOnly ? [] : [`wait table ${index} 0`];
    await lab.run('mark', ...lab.plug(1), `wait endpoint ${addressOf(1)} 1`);
    const cycle = async () => {
      const times = await lab.run('mark', ...lab.plug(2), ...table, here);
      const [left] = await lab.run('mark', ...lab.unplug(2), gone, ...emptied);
      return { times, left };
    };
    await cycle();
    for (let n = 0; n < samples; n++) {
      const { times, left } = await cycle();
      add('address → endpoint', 'ms', times.at(-1) * 1000);
      if (times.length > 1) add('address → route', 'ms', times[0] * 1000);
      add('address and route deleted → endpoint gone', 'ms', left * 1000);
      // Work of a subject after the endpoint is gone is part of its cost, not of the next sample.
      await sleep(400);
    }
    // Not for the script: it is not the parent of all processes that it causes, so their time cannot be measured.
    if (subject.name !== 'shell script') {
      const before = usageOf(pid);
      for (let n = 0; n < samples; n++) {
        await cycle();
        await sleep(400);
      }
      const after = usageOf(pid);
      add('CPU for plug and unplug', 'ms', (after.cpu - before.cpu) / samples);
      add('wake-ups for plug and unplug', '', (after.wakeups - before.wakeups) / samples);
    }
    await lab.run('mark', ...lab.plug(2), here);
    const peer = lab.there.get(2);
    for (let n = 0; n < Math.ceil(samples / 4); n++) {
      await sleep(LINKWATCH_MS);
      const [lost] = await lab.run('mark', `carrier down ${peer}`, gone);
      add('carrier lost → endpoint gone', 'ms', lost * 1000);
      await sleep(LINKWATCH_MS);
      const back = ['mark', `carrier up ${peer}`, here];
      if (subject.name !== 'shell script')
        add('carrier back → endpoint', 'ms', (await lab.run(...back))[0] * 1000);
      else await lab.run(back[1], ...lab.unplug(2), 'mark', ...lab.plug(2), here);
    }
  });
}

async function fifty(subject, programs, add) {
  if (subject.main === undefined && subject.name !== 'floor') return;
  await beside(subject, programs, [51, 1], async (lab, pid) => {
    const plugs = Array.from({ length: 50 }, (_, n) => lab.plug(n + 2)).flat();
    // The floor does not manage uplinks that exist when it starts.
    const rules = subject.main === undefined ? 50 : 51;
    const before = usageOf(pid);
    const [seconds] = await lab.run('mark', ...plugs, `wait rules ${rules}`);
    await sleep(500);
    add('50 plugs → all policy rules', 'ms', seconds * 1000);
    add('CPU for 50 plugs', 'ms', usageOf(pid).cpu - before.cpu);
  });
}

async function many(subject, programs, add, { uplinks }) {
  if (subject.main === undefined) return;
  for (const count of uplinks)
    await beside(subject, programs, [count + 1, count], async (lab, pid) => {
      const last = count + 1;
      await sleep(2000);
      for (let n = 0; n < 3; n++) {
        const before = usageOf(pid);
        const [seconds] = await lab.run('mark', ...lab.plug(last), `wait rules ${last}`);
        await sleep(1000);
        add(`${count} uplinks, one more plug`, 'ms', seconds * 1000);
        add(`${count} uplinks, CPU for one more plug`, 'ms', usageOf(pid).cpu - before.cpu);
        await lab.run('mark', ...lab.unplug(last), `wait rules ${count}`);
        await sleep(1000);
      }
    });
}

/** Events that do not concern the subject, and no events at all. */
async function others(subject, programs, add, { idle }) {
  if (subject.name === 'shell script') return;
  await beside(subject, programs, [2, 0], async (lab, pid) => {
    await lab.run('mark', ...lab.plug(1), ...lab.plug(2), `wait endpoint ${addressOf(2)} 1`);
    await sleep(1000);
    let before = usageOf(pid);
    for (let n = 0; n < 20; n++) {
      ip(['link add x0 type veth peer name x1', 'link set x0 up', 'link set x1 up', 'link delete x0']);
      await sleep(50);
    }
    let after = usageOf(pid);
    add('CPU for a foreign veth added and deleted', 'ms', (after.cpu - before.cpu) / 20);
    before = usageOf(pid);
    const [seconds] = await lab.run(`churn ${lab.foreign} 5000 5000 0.0.0.0`);
    add('routes without gateway, 5,000 a second', '% CPU', (usageOf(pid).cpu - before.cpu) / seconds / 10);
    before = usageOf(pid);
    const [again] = await lab.run(`churn ${lab.foreign} 5000 5000 172.31.0.2`);
    add('routes with gateway, 5,000 a second', '% CPU', (usageOf(pid).cpu - before.cpu) / again / 10);
    await sleep(2000);
    before = usageOf(pid);
    await sleep(idle * 1000);
    after = usageOf(pid);
    add(`wake-ups in ${idle} s of idleness`, '', after.wakeups - before.wakeups);
    add(`CPU in ${idle} s of idleness`, 'ms', after.cpu - before.cpu);
    const { rss, dirty, threads } = sizeOf(pid);
    add('resident memory', 'MB', rss);
    add('private dirty memory', 'MB', dirty);
    add('threads', '', threads);
  });
}

async function starts(subject, programs, add, { samples }) {
  const observed = (...args) => execFileSync(programs.observer, args).toString().split(' ').map(Number);
  const times = Math.ceil(samples / 4);
  if (subject.name === 'floor') {
    for (let n = 0; n < times; n++) {
      const [cpu, seconds] = observed('cpu', process.execPath, '/dev/null');
      add('--version, CPU', 'ms', cpu * 1000);
      add('exec → READY, no uplink', 'ms', seconds * 1000);
      add('exec → READY, 8 uplinks taken over', 'ms', seconds * 1000);
    }
    return;
  }
  if (subject.main === undefined) return;
  for (let n = 0; n < times; n++)
    add('--version, CPU', 'ms', observed('cpu', process.execPath, subject.main, '--version')[0] * 1000);
  for (let n = 0; n < times; n++)
    add(
      'exec → READY, no uplink',
      'ms',
      observed('ready', ...daemonCommand(subject.main, 'none*'))[1] * 1000,
    );
  const lab = openLab(programs, 8, 8);
  try {
    observed('ready', ...daemonCommand(subject.main));
    for (let n = 0; n < times; n++) {
      const [, seconds] = observed('ready', ...daemonCommand(subject.main));
      add('exec → READY, 8 uplinks taken over', 'ms', seconds * 1000);
    }
  } finally {
    closeLab(lab);
  }
}

export const GROUPS = { one, fifty, many, others, starts };

/** Rows: starts of the daemon, of commands and of hooks. The floor of starts is Node without a program. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { openLab } from '../lab.mjs';
import { sleep, usageOf } from '../process.mjs';
import { daemonCommand, program } from '../subjects.mjs';

const UPLINKS = 8;
const CHANGED = { uplinks: 4, hooks: 10 };
/** The hooks write these files. */
const FILES = { up: '/run/bench-hooks-up', down: '/run/bench-hooks-down' };

/** Runs one of the observer's other forms. Returns milliseconds. */
function observed(programs, form, command) {
  const [cpu, seconds] = execFileSync(programs.observer, [form, ...command])
    .toString()
    .split(' ')
    .map(Number);
  return { cpu: cpu * 1000, time: seconds * 1000 };
}

const BARE_NODE = [process.execPath, '/dev/null'];
const NONE = 'exec → READY, no uplink';
const EIGHT = `exec → READY, ${UPLINKS} uplinks taken over`;

async function start({ subject, programs, add, sizes }) {
  if (subject.name === 'floor') {
    for (let n = 0; n < sizes.starts; n++) {
      const { time } = observed(programs, 'cpu', BARE_NODE);
      add(NONE, 'ms', time);
      add(EIGHT, 'ms', time);
    }
    return;
  }
  for (let n = 0; n <= sizes.starts; n++) {
    const { time } = observed(programs, 'ready', daemonCommand(subject.main, { pattern: 'none*' }));
    if (n > 0) add(NONE, 'ms', time);
  }
  await openLab(programs, { count: UPLINKS, used: UPLINKS });
  for (let n = 0; n <= sizes.starts; n++) {
    const { time } = observed(programs, 'ready', daemonCommand(subject.main));
    if (n > 0) add(EIGHT, 'ms', time);
    await sleep(100);
  }
}

async function commands({ subject, programs, add, sizes }) {
  const lab = await openLab(programs, { count: 2, used: 2 });
  const repeat = (name, line) => {
    for (let n = 0; n <= sizes.starts; n++) {
      const command = subject.name === 'floor' ? BARE_NODE : [...program(subject.main), ...line];
      const { cpu, time } = observed(programs, 'cpu', command);
      if (n === 0) continue;
      add(`${name}: CPU`, 'ms', cpu);
      add(`${name}: time`, 'ms', time);
    }
  };
  repeat('--version', ['--version']);
  // Without the first words, Node and the program, which `repeat` adds.
  repeat('run --once', [...daemonCommand(subject.main).slice(program(subject.main).length), '--once']);
  const running = subject.name === 'floor' ? null : await subject.start(lab);
  repeat('status', ['status']);
  await running?.stop();
}

/** Four uplinks are plugged at once, beside one that stays; each runs all hooks, one after the other. */
async function hooks({ subject, programs, add, sizes }) {
  const lab = await openLab(programs, { count: CHANGED.uplinks + 1 });
  const { pid, stop } = await subject.start(lab, { hooks: CHANGED.hooks });
  await subject.plug(lab, 1);
  await sleep(1000);
  const numbers = Array.from({ length: CHANGED.uplinks }, (_, n) => n + 2);
  const runs = CHANGED.uplinks * CHANGED.hooks;
  for (let n = 0; n <= sizes.hooks; n++) {
    for (const file of Object.values(FILES)) writeFileSync(file, '');
    const before = usageOf(pid);
    const plugs = numbers.flatMap((each) => lab.plug(each));
    const [seconds] = await lab.run('mark', ...plugs, `wait file ${FILES.up} ${runs}`);
    await sleep(300);
    const after = usageOf(pid);
    const unplugs = numbers.flatMap((each) => lab.unplug(each));
    await lab.run('mark', ...unplugs, 'wait rules 1', `wait file ${FILES.down} ${runs}`);
    await sleep(500);
    if (n === 0) continue;
    add('hooks a second, four uplinks', '/s', runs / seconds);
    add('CPU for each hook', 'ms', (after.cpu - before.cpu) / runs);
  }
  await stop();
}

const starts = (subject) => subject.main !== undefined || subject.name === 'floor';

export const ROWS = [
  { name: 'start', rounds: 2, subjects: starts, run: start },
  { name: 'commands', rounds: 2, subjects: starts, run: commands },
  { name: 'hooks', rounds: 2, subjects: (subject) => subject.main !== undefined, run: hooks },
];

/**
 * The programs that are compared. Of each subject, `start` resolves with the process when it is ready, and `plug`,
 * `unplug` and `reset` change an uplink and resolve with seconds.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addressOf, ip } from './lab.mjs';
import { mptcpd, networkManager } from './other-programs.mjs';
import { launch, sleep } from './process.mjs';

const CONFIG = '/run/bench.json';
const HOOKS = '/run/bench-hooks.d';
const SCRIPT = fileURLToPath(new URL('script.sh', import.meta.url));

/** Installs `count` hooks. */
function installHooks(programs, count) {
  mkdirSync(HOOKS, { mode: 0o755 });
  for (let n = 0; n < count; n++) copyFileSync(programs.hook, join(HOOKS, `hook${n}`));
}

/** Returns Node, its flags for a profile if one is made, and the program. */
export const program = (main) => [
  process.execPath,
  ...JSON.parse(process.env.MULTIHOMED_BENCH_NODE ?? '[]'),
  main,
];

/** The command line of a daemon that manages u1, u2, ... */
export function daemonCommand(main, { pattern = 'u*' } = {}) {
  const text = { rules: { [pattern]: 'subflow' }, hooks: { path: HOOKS } };
  writeFileSync(CONFIG, JSON.stringify(text), { mode: 0o644 });
  return [...program(main), 'run', '--config', CONFIG, '--log', 'null'];
}

export const endpointGone = (n) => `wait endpoint ${addressOf(n)} 0`;
export const endpointThere = (n) => `wait endpoint ${addressOf(n)} 1`;

/** Programs that follow the kernel's events: an uplink changes by requests to the kernel. */
const byEvents = {
  async plug(lab, n) {
    const table = this.endpointsOnly ? [] : [`wait table ${lab.here.get(n)} 1`];
    const times = await lab.attempt('mark', ...lab.plug(n), ...table, endpointThere(n));
    return { endpoint: times.at(-1), route: this.endpointsOnly ? null : times[0] };
  },
  async unplug(lab, n) {
    const [gone] = await lab.attempt('mark', ...lab.unplug(n), endpointGone(n));
    // The subject may still be deleting routes, which must not delay the next change.
    if (!this.endpointsOnly) await lab.attempt(`wait table ${lab.here.get(n)} 0`);
    return gone;
  },
  /** Restores the uplink for a subject that missed a change. Resolves with whether the endpoint is in place. */
  async reset(lab, n) {
    await lab.attempt(...lab.unplug(n), 'mark', endpointGone(n));
    const id = endpointId(addressOf(n));
    if (id !== undefined) ip([`mptcp endpoint delete id ${id}`]);
    const { endpoint } = await this.plug(lab, n);
    return Number.isFinite(endpoint);
  },
};

function endpointId(address) {
  const line = execFileSync('ip', ['mptcp', 'endpoint', 'show'])
    .toString()
    .split('\n')
    .find((each) => each.startsWith(`${address} `));
  return /\bid (\d+)/.exec(line ?? '')?.[1];
}

const multihomed = (name, main) => ({
  ...byEvents,
  ...{ name, main },
  /** `hooks`: the number of hooks. */
  async start(lab, { hooks = 0 } = {}) {
    if (hooks > 0) installHooks(lab.programs, hooks);
    await lab.run('mark');
    const launched = launch(daemonCommand(main));
    const [seconds] = await lab.run(`wait rules ${lab.used}`);
    await sleep(500);
    return { ...launched, seconds };
  },
});

const floor = {
  ...byEvents,
  name: 'floor',
  async start(lab) {
    const managed = [...lab.here].flatMap(([n, index]) => [`${index}`, n <= 8 ? `${n}` : '-1']);
    const launched = launch([lab.programs.floor, ...managed]);
    await new Promise((resolve) => launched.stdout.once('data', resolve));
    return launched;
  },
};

const script = {
  ...byEvents,
  name: 'shell script',
  otherProgram: true,
  /** Some of its processes are not its descendants, so their time cannot be measured. */
  unmeasured: true,
  async start() {
    const launched = launch(['sh', SCRIPT], { stdio: 'ignore' });
    await sleep(500);
    return launched;
  },
};

/** No program: the endpoints are added by the benchmark, and are not removed. */
const kernel = {
  ...byEvents,
  name: 'kernel alone',
  endpointsOnly: true,
  passive: true,
  unmeasured: true,
  async start() {
    return { pid: process.pid, stop: async () => undefined };
  },
  async plug(lab, n) {
    ip([`mptcp endpoint add ${addressOf(n)} dev u${n} subflow`]);
    return byEvents.plug.call(this, lab, n);
  },
};

/** `mains`: bundles of multihomed by their names in the table. */
export function subjects(mains) {
  const all = [floor, ...Object.entries(mains).map(([name, main]) => multihomed(name, main)), script, kernel];
  const missing = [];
  for (const { subject, what } of [mptcpd(byEvents), networkManager(byEvents)])
    if (subject === null) missing.push(what);
    else all.push(subject);
  return { all, missing };
}

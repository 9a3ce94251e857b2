/**
 * Measures the detection of dead paths: `node bench/health.mjs`, as root, after `npm run build`. It needs a C compiler,
 * and works in namespaces of its own. First the processor time of the daemon beside idle and busy connections, then
 * for how long data stops when the path that carries it dies while the link keeps its carrier, with and without the
 * daemon. The machine should have nothing else to do.
 *
 * --connections N,N (0,1,100,1000), --seconds N for each (10), --samples N of each stall (10), --delays MS,MS one way
 * of the two paths, several separated by `:` (0,0:15,30), --daemon FILE: the dist/main.js of another build.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ip, sleep, usageOf } from './lab.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values: options } = parseArgs({
  options: {
    connections: { type: 'string', default: '0,1,100,1000' },
    seconds: { type: 'string', default: '10' },
    samples: { type: 'string', default: '10' },
    delays: { type: 'string', default: '0,0:15,30' },
    daemon: { type: 'string', default: path('../dist/main.js') },
  },
});

const SERVER = '10.99.0.1';
const UPLINKS = [1, 2];
/** Milliseconds after the cut in which the longest gap is looked for. */
const STALL_MS = 2_500;
/** Bytes of a message, every 5 ms: several segments are in flight when the path dies, as in a transfer. */
const STALL_BYTES = 12_000;
/** Milliseconds until a path that works again is used again, with a margin. */
const RECOVERY_MS = 4_000;

/** A program that answers each line on its standard input by one line. */
async function talker(program, args, netns) {
  const inside = netns === undefined ? [program] : ['nsenter', `--net=/run/netns/${netns}`, program];
  const child = spawn(inside[0], [...inside.slice(1), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  await next();
  return {
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      return next();
    },
    end: () => child.kill('SIGKILL'),
  };
}

/** Two uplinks, u1 and u2; each leads through a line of its own to the namespace `far`, where the server is. */
async function openLines(line) {
  execFileSync('ip', ['netns', 'add', 'far']);
  const lines = [];
  for (const n of UPLINKS) {
    execFileSync('ip', ['netns', 'add', `middle${n}`]);
    ip([`link add u${n} type veth peer name near netns middle${n}`, `link set u${n} up`]);
    ip(
      [`link add far type veth peer name p${n} netns far`, 'link set near up', 'link set far up'],
      `middle${n}`,
    );
    ip([`address add 10.0.${n}.1/24 dev p${n}`, `link set p${n} up`], 'far');
    ip([`address add 10.0.${n}.2/24 dev u${n}`, `route add default via 10.0.${n}.1 dev u${n} metric ${n}00`]);
    lines.push(await talker(line, ['near', 'far'], `middle${n}`));
  }
  ip(
    ['link set lo up', `address add ${SERVER}/32 dev lo`, 'mptcp limits set subflows 8 add_addr_accepted 8'],
    'far',
  );
  ip(['link set lo up']);
  return lines;
}

const endpoints = () => execFileSync('ip', ['mptcp', 'endpoint', 'show']).toString().split('\n').length - 1;

/** `rule`: flags of the second uplink. `detect`: as in the configuration. */
async function daemon(folder, { rule = 'subflow', detect = true } = {}) {
  const file = join(folder, 'config.json');
  const rules = { u1: 'subflow', u2: rule };
  writeFileSync(file, JSON.stringify({ rules, health: { detect } }), { mode: 0o644 });
  const args = [...process.execArgv, options.daemon, 'run', '--config', file, '--log', 'null'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  while (endpoints() < UPLINKS.length) await sleep(50);
  return {
    pid: child.pid,
    end: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      execFileSync('ip', ['mptcp', 'endpoint', 'flush']);
    },
  };
}

/** The direction, the number of connections, the milliseconds between two messages on each, and the bytes of a message. */
const client = (traffic, direction, count, period, bytes) =>
  talker(traffic, ['client', SERVER, '10.0.1.2', direction, count, period, bytes].map(String));

async function costs({ traffic }, folder, print) {
  const running = await daemon(folder);
  const server = await talker(traffic, ['server', SERVER], 'far');
  await sleep(3_000);
  const measure = async (what) => {
    await sleep(2_000);
    const before = usageOf(running.pid);
    await sleep(Number(options.seconds) * 1_000);
    const after = usageOf(running.pid);
    const percent = (after.cpu - before.cpu) / Number(options.seconds) / 10;
    const wakeups = (after.wakeups - before.wakeups) / Number(options.seconds);
    print(`${what}: ${percent.toFixed(2)} % of a processor, ${wakeups.toFixed(0)} wake-ups a second`);
  };
  for (const count of options.connections.split(',').map(Number)) {
    if (count === 0) {
      await measure('no connection');
      continue;
    }
    for (const direction of ['up', 'down']) {
      // At most 2,000 messages a second in all.
      const busy = await client(traffic, direction, count, Math.max(5, count / 2), 2_000);
      await measure(`${count} busy connections, ${direction}load`);
      await (direction === 'up' ? busy : server).ask('rest');
      await measure(`${count} idle connections`);
      await server.ask('go');
      busy.end();
      await sleep(1_000);
    }
  }
  server.end();
  await running.end();
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** One row: longest gaps in milliseconds after the first path has died. */
async function stalls({ traffic }, folder, lines, row, print) {
  const { direction, rule, delays, detect } = row;
  for (const [at, line] of lines.entries()) await line.ask(`delay ${delays[at]}`);
  const running = await daemon(folder, { rule, detect });
  const server = await talker(traffic, ['server', SERVER], 'far');
  const gaps = [];
  for (let sample = 0; sample < Number(options.samples); sample++) {
    const busy = await client(traffic, direction, 1, 5, STALL_BYTES);
    const receiver = direction === 'up' ? server : busy;
    await sleep(1_000 + 50 * (sample % 7));
    await receiver.ask('go');
    await lines[0].ask('cut');
    await sleep(STALL_MS);
    gaps.push(Number(await receiver.ask('gap')));
    await lines[0].ask('restore');
    busy.end();
    await sleep(detect ? RECOVERY_MS : 500);
  }
  server.end();
  await running.end();
  const values = gaps.map((gap) => gap.toFixed(0)).join(' ');
  const name = `RTT ${delays.map((delay) => 2 * delay).join('/')} ms, ${direction}load, second path ${rule}`;
  print(
    `${name}, ${detect ? 'detection' : 'no detection'}: median ${median(gaps).toFixed(0)} ms (${values})`,
  );
}

async function main() {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  // Shows the links of the network namespace in which it is mounted.
  execFileSync('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-bench-'));
  const programs = {};
  try {
    for (const name of ['line', 'traffic']) {
      programs[name] = join(folder, name);
      execFileSync('cc', ['-O2', '-w', '-o', programs[name], path(`${name}.c`)], { stdio: 'inherit' });
    }
    const lines = await openLines(programs.line);
    if (Number(options.seconds) > 0) await costs(programs, folder, console.log);
    if (Number(options.samples) === 0) return;
    for (const delays of options.delays.split(':').map((each) => each.split(',').map(Number)))
      for (const direction of ['up', 'down'])
        for (const rule of ['subflow', 'subflow backup'])
          for (const detect of [true, false])
            await stalls(programs, folder, lines, { direction, rule, delays, detect }, console.log);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.env.MULTIHOMED_BENCH) {
  await main();
  process.exit();
} else {
  const enclosed = [
    ...['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'],
    ...[process.execPath, path('health.mjs'), ...process.argv.slice(2)],
  ];
  const env = { ...process.env, MULTIHOMED_BENCH: '1' };
  process.exitCode = spawnSync('unshare', enclosed, { stdio: 'inherit', env }).status ?? 1;
}

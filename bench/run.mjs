/**
 * Compares multihomed with the minimum for any program and with other programs: `node bench/run.mjs`, as root, after
 * `npm run build`. It needs a C compiler, and takes about 20 minutes, in which the machine should have nothing else
 * to do. Everything is measured in turn, round by round; each measurement has namespaces of its own, and one that fails
 * or hangs is reported at the end. The floor of starts is Node without a program.
 *
 * --only ROW...: these rows, of bench/rows/ (a name that is not one prints all); --quick: one round of few samples;
 * --rounds N (3); --minutes N (18): no later round of a row starts that would end after it; --before FILE: the
 * dist/main.js of another build, to compare; --json FILE: all values, for bench/chart.mjs, too.
 * --profile ROW: instead, runs one row of multihomed with Node's profiler, and prints which functions took the time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from './programs.mjs';
import { profileOf } from './profile.mjs';
import { ROWS } from './rows.mjs';
import { subjects } from './subjects.mjs';
import { heading, summaries, table } from './table.mjs';
import { withTargets } from './targets.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
/** A measurement that takes longer counts as hung. */
const ROW_MS = 150_000;

const PROGRAMS = ['floor', 'observer', 'hook', 'line', 'traffic'];

const SIZES = {
  usual: {
    ...{ samples: 12, carriers: 3, losses: 3, stalls: 3, joins: 4, bursts: 4, starts: 6, hooks: 4, flaps: 1 },
    ...{ routes: 1_000_000, churn: 8, idle: 60 },
    ...{ deaths: 5, resets: 10, rest: 20, watch: 20, connections: 1_000 },
  },
  quick: {
    ...{ samples: 4, carriers: 1, losses: 1, stalls: 1, joins: 2, bursts: 1, starts: 2, hooks: 1, flaps: 1 },
    ...{ routes: 100_000, churn: 2, idle: 6 },
    ...{ deaths: 1, resets: 2, rest: 2, watch: 3, connections: 100 },
  },
};

function optionsOf(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      minutes: { type: 'string', default: '18' },
      before: { type: 'string' },
      json: { type: 'string' },
      profile: { type: 'string' },
    },
  });
  const names = [...values.only, ...(values.only.length > 0 ? positionals : [])].flatMap((each) =>
    each.split(','),
  );
  const chosen = values.profile ? [values.profile] : names;
  const known = new Set(ROWS.map(({ name }) => name));
  const wrong = chosen.find((name) => !known.has(name)) ?? (names.length === 0 ? positionals[0] : undefined);
  if (wrong !== undefined) throw new Error(`${wrong}: no such row; rows: ${[...known].join(' ')}`);
  return {
    ...values,
    rows: ROWS.filter(({ name }) => chosen.length === 0 || chosen.includes(name)),
    rounds: Number(values.rounds ?? (values.quick || values.profile ? 1 : 3)),
    mains: {
      multihomed: path('../dist/main.js'),
      ...(values.before ? { before: values.before } : {}),
    },
  };
}

function machine(all, missing) {
  return {
    processor: `${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
    kernel: release(),
    node: process.version,
    multihomed: JSON.parse(readFileSync(path('../package.json'), 'utf8')).version,
    commit: spawnSync('git', ['-C', path('..'), 'rev-parse', '--short', 'HEAD'])
      .stdout.toString()
      .trim(),
    versions: Object.fromEntries(
      all.filter(({ version }) => version).map(({ name, version }) => [name, version]),
    ),
    missing,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'multihomed-bench-'));
let current = null;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    // Its process namespace ends with it, and with the processes in it the other namespaces.
    current?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  });

/**
 * Measures one row of one subject in another process. Resolves with its values and the reason of a failure, or null.
 */
async function measure(task, env = {}) {
  const command = [
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child'],
    ...['--mount-proc', '--', process.execPath, path('measure.mjs')],
  ];
  current = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env, MULTIHOMED_BENCH: JSON.stringify(task) },
    timeout: ROW_MS,
    killSignal: 'SIGKILL',
  });
  let text = '';
  current.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
  const [code, signal] = await new Promise((resolve) => current.on('close', (...all) => resolve(all)));
  current = null;
  const lines = text.split('\n').filter(Boolean);
  const values = lines
    .map((line) => JSON.parse(line))
    .map((each) => ({ ...each, value: each.value ?? Infinity }));
  if (code === 0) return { values, failure: null };
  return { values, failure: signal ? `hung for ${ROW_MS / 1000} s` : 'failed; its message is above' };
}

/** Runs all rounds. A row has at most its own `rounds`; other programs are measured in one. */
async function rounds({ rows, rounds: count, minutes, mains, sizes, programs }, all) {
  const end = performance.now() + Number(minutes) * 60_000;
  const results = [];
  const failures = [];
  const lengths = new Map();
  for (let round = 1; round <= count; round++)
    for (const row of rows)
      for (const subject of all) {
        const most = Math.min(row.rounds ?? count, subject.otherProgram || subject.passive ? 1 : count);
        if (!row.subjects(subject) || round > most) continue;
        const began = performance.now();
        const name = `${row.name}, ${subject.name}`;
        if (round > 1 && began + lengths.get(name) > end) continue;
        const { values, failure } = await measure({
          row: row.name,
          subject: subject.name,
          mains,
          sizes,
          programs,
        });
        lengths.set(name, performance.now() - began);
        process.stderr.write(`round ${round}: ${name}: ${Math.round(lengths.get(name) / 100) / 10} s\n`);
        results.push(...values.map((each) => ({ ...each, round, subject: subject.name })));
        if (failure !== null) failures.push(`round ${round}: ${name}: ${failure}`);
      }
  return { results, failures };
}

async function compare(options) {
  const { all, missing } = subjects(options.mains);
  const began = performance.now();
  const { results, failures } = await rounds(options, all);
  const about = { ...machine(all, missing), seconds: Math.round((performance.now() - began) / 1000) };
  const rows = withTargets(summaries(results));
  if (options.json)
    writeFileSync(options.json, `${JSON.stringify({ machine: about, failures, rows, results }, null, 1)}\n`);
  console.log(`${heading(about)}${table(rows)}`);
  const targets = rows.filter(({ target }) => target);
  const reached = targets.filter(({ target }) => target.reached);
  console.log(`\n${reached.length} of ${targets.length} targets reached`);
  for (const each of failures) console.log(each);
  process.exitCode = failures.length > 0 ? 1 : 0;
}

async function profile({ rows: [row], mains, sizes, programs }) {
  const profiles = join(folder, 'profiles');
  mkdirSync(profiles);
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles}`, '--cpu-prof-interval=200'];
  const task = { row: row.name, subject: 'multihomed', mains, sizes, programs };
  const { failure } = await measure(task, { MULTIHOMED_BENCH_NODE: JSON.stringify(flags) });
  console.log(failure ?? profileOf(profiles));
  process.exitCode = failure === null ? 0 : 1;
}

try {
  const options = optionsOf(process.argv.slice(2));
  if (process.geteuid() !== 0) throw new Error('needs root, to make network namespaces');
  options.sizes = options.quick ? SIZES.quick : SIZES.usual;
  options.programs = compile(folder, PROGRAMS);
  await (options.profile ? profile(options) : compare(options));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

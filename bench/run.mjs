/**
 * Compares multihomed with the minimum for any program and with other programs: `node bench/run.mjs`, as root, after
 * `npm run build`. It needs a C compiler, and works in namespaces of its own. The floor of starts is Node without a
 * program. Everything is measured in turn, round by round; the machine should have nothing else to do.
 *
 * --rounds N (3), --samples N in each (12), --idle SECONDS (20), --uplinks N,N (100,1000), --groups NAME,NAME (all),
 * --before FILE: the dist/main.js of another build, to compare; --json FILE: all values.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { GROUPS } from './rows.mjs';
import { subjects } from './subjects.mjs';
import { summaries, table } from './table.mjs';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    samples: { type: 'string', default: '12' },
    idle: { type: 'string', default: '20' },
    uplinks: { type: 'string', default: '100,1000' },
    groups: { type: 'string', default: Object.keys(GROUPS).join() },
    before: { type: 'string' },
    json: { type: 'string' },
  },
});

function compile(folder) {
  const programs = {};
  for (const name of ['floor', 'observer']) {
    programs[name] = join(folder, name);
    execFileSync('cc', ['-O2', '-w', '-fno-strict-aliasing', '-o', programs[name], path(`${name}.c`)], {
      stdio: 'inherit',
    });
  }
  return programs;
}

function machine(missing) {
  return {
    processor: `${availableParallelism()} × ${cpus()[0]?.model.trim()}`,
    kernel: release(),
    node: process.version,
    multihomed: JSON.parse(readFileSync(path('../package.json'), 'utf8')).version,
    commit: spawnSync('git', ['-C', path('..'), 'rev-parse', '--short', 'HEAD'])
      .stdout.toString()
      .trim(),
    missing,
  };
}

async function main() {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  // Shows the links of the network namespace in which it is mounted.
  execFileSync('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-bench-'));
  const results = [];
  try {
    const programs = compile(folder);
    const mains = {
      multihomed: path('../dist/main.js'),
      ...(options.before ? { before: options.before } : {}),
    };
    const { all, missing } = subjects(programs, mains);
    const sizes = {
      samples: Number(options.samples),
      idle: Number(options.idle),
      uplinks: options.uplinks.split(',').filter(Boolean).map(Number),
    };
    for (let round = 0; round < Number(options.rounds); round++)
      for (const group of options.groups.split(','))
        for (const subject of all) {
          process.stderr.write(`round ${round + 1}: ${group}, ${subject.name}\n`);
          const add = (row, unit, value) => results.push({ row, unit, subject: subject.name, value });
          try {
            await GROUPS[group](subject, programs, add, sizes);
          } catch (error) {
            process.stderr.write(`${subject.name}: ${error.message}\n`);
          }
        }
    const about = machine(missing);
    const rows = summaries(results);
    if (options.json)
      writeFileSync(options.json, `${JSON.stringify({ machine: about, rows, results }, null, 1)}\n`);
    console.log(table(rows, about));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.env.MULTIHOMED_BENCH) await main();
else {
  const enclosed = [
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--',
    process.execPath,
    path('run.mjs'),
    ...process.argv.slice(2),
  ];
  const env = { ...process.env, MULTIHOMED_BENCH: '1' };
  process.exitCode = spawnSync('unshare', enclosed, { stdio: 'inherit', env }).status ?? 1;
}

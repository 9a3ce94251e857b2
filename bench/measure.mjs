/**
 * One row of one subject, in namespaces that run.mjs has made and that end with this process. Prints a line of JSON for
 * each value. MULTIHOMED_BENCH has the task.
 */
import { execFileSync } from 'node:child_process';
import { sleep } from './process.mjs';
import { ROWS } from './rows.mjs';
import { subjects } from './subjects.mjs';

/** Waits until the kernel has removed the namespaces of the previous measurement: it holds a lock meanwhile. */
async function settled() {
  const end = performance.now() + 6_000;
  for (let quick = 0; quick < 4 && performance.now() < end;) {
    const began = performance.now();
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    quick = performance.now() - began < 25 ? quick + 1 : 0;
    await sleep(40);
  }
}

const task = JSON.parse(process.env.MULTIHOMED_BENCH);
execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
// Shows the links of the network namespace in which it is mounted.
execFileSync('mount', ['-t', 'sysfs', 'sysfs', '/sys']);
await settled();
const row = ROWS.find(({ name }) => name === task.row);
const subject = subjects(task.mains).all.find(({ name }) => name === task.subject);
const add = (name, unit, value) => process.stdout.write(`${JSON.stringify({ row: name, unit, value })}\n`);
await row.run({ subject, programs: task.programs, add, sizes: task.sizes });
process.exit();

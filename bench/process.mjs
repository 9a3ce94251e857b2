/** Processes of a benchmark: how they start and end, and what they use. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Starts a program, and ends it with all of its children. */
export function launch(command, options = {}) {
  const child = spawn(command[0], command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    ...options,
  });
  child.stdout?.resume();
  const ended = new Promise((resolve) => child.on('exit', resolve));
  return {
    pid: child.pid,
    stdout: child.stdout,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`${command[0]} ended by itself`);
      process.kill(-child.pid, 'SIGTERM');
      await ended;
    },
  };
}

/** Starts a program that answers each line on its standard input with one line, after a first line when it is ready. */
export async function dialogue(command) {
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value;
  await next();
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    end: () => child.kill('SIGKILL'),
  };
}

export const inside = (netns, ...command) => ['nsenter', `--net=/run/netns/${netns}`, ...command];

/** Returns null for a process that has ended in the meantime. */
function unlessEnded(read) {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return null;
    throw error;
  }
}

/** Returns the sum of what `read` returns for a process and for its running descendants. */
function total(pid, read) {
  const own = read(pid);
  const children = readdirSync(`/proc/${pid}/task`)
    .map((task) => unlessEnded(() => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')) ?? '')
    .flatMap((text) => text.split(' ').filter(Boolean))
    .map((child) => unlessEnded(() => total(child, read)))
    .filter((each) => each !== null);
  return children.reduce(
    (sum, each) => Object.fromEntries(Object.keys(sum).map((key) => [key, sum[key] + each[key]])),
    own,
  );
}

function usageOfOne(pid) {
  let nanoseconds = 0;
  let wakeups = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    nanoseconds += Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]);
    wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`${folder}/status`, 'utf8'))[1]);
  }
  // proc_pid_stat(5): cutime and cstime of children that have ended, in clock ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { cpu: nanoseconds / 1e6 + (Number(fields[13]) + Number(fields[14])) * 10, wakeups };
}

/** Returns the processor time of a process and its children until now (ms), and how often their threads were woken. */
export const usageOf = (pid) => total(pid, usageOfOne);

function sizeOfOne(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)[1]) / 1000;
  return {
    rss: kilobytes('Rss'),
    dirty: kilobytes('Private_Dirty'),
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Returns the resident and the private dirty megabytes, and the number of threads, of a process and its children. */
export const sizeOf = (pid) => total(pid, sizeOfOne);

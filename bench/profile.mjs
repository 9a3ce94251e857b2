/** Reads profiles of `node --cpu-prof`, and prints which functions took the time. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SHOWN = 30;
/** Microseconds of idle time that end the start of a daemon. Samples before the end of this pause are ignored. */
const PAUSE_US = 150_000;

/** Times outside of the program's functions, by V8's names for them. */
const PARTS = { '(garbage collector)': 'garbage collection', '(idle)': 'idle', '(program)': 'native' };

/** A function that is written in C++ has no file. */
function nameOf({ functionName, url, lineNumber, columnNumber }) {
  if (PARTS[functionName]) return functionName;
  const name = functionName || '(anonymous)';
  return url === ''
    ? `${name} [native]`
    : `${name} ${url.split('/').at(-1)}:${lineNumber + 1}:${columnNumber + 1}`;
}

/** The number of the first sample after the first long pause; 0: there is none. */
function afterStart(names, samples, timeDeltas) {
  let pause = 0;
  for (const [at, id] of samples.entries()) {
    if (names.get(id) === '(idle)') pause += timeDeltas[at];
    else if (pause >= PAUSE_US) return at;
    else pause = 0;
  }
  return 0;
}

/** Adds the microseconds of one profile to `times`, by function. */
function read(file, times) {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const first = afterStart(names, samples, timeDeltas);
  for (const [at, id] of samples.entries()) {
    if (at < first) continue;
    const name = names.get(id);
    times.set(name, (times.get(name) ?? 0) + timeDeltas[at]);
  }
}

/** Returns text: shares of all profiles in the folder, and the functions with the most time of their own. */
export function profileOf(folder) {
  const times = new Map();
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  for (const name of files) read(join(folder, name), times);
  const sum = (wanted) =>
    [...times].filter(([name]) => wanted(name)).reduce((all, [, time]) => all + time, 0);
  const all = sum(() => true);
  const idle = sum((name) => name === '(idle)');
  const busy = all - idle;
  const share = (time, of) => `${((100 * time) / of).toFixed(1)} %`;
  const native = sum((name) => name === '(program)' || name.endsWith('[native]'));
  const garbage = sum((name) => name === '(garbage collector)');
  const functions = [...times].filter(([name]) => name !== '(idle)').sort(([, a], [, b]) => b - a);
  return [
    `${files.length} profiles, ${(all / 1e6).toFixed(1)} s after the start: ${share(idle, all)} idle`,
    `of the rest (${(busy / 1000).toFixed(0)} ms): ${share(garbage, busy)} garbage collection, ` +
      `${share(native, busy)} native (V8, libuv, the addon, the kernel), ` +
      `${share(busy - native - garbage, busy)} JavaScript`,
    '',
    'self time (ms), share, function',
    ...functions
      .slice(0, SHOWN)
      .map(
        ([name, time]) => `${(time / 1000).toFixed(1).padStart(9)} ${share(time, busy).padStart(7)}  ${name}`,
      ),
  ].join('\n');
}

/**
 * Starts demos and interrupts them, in a process namespace without other processes, and reports what is left.
 * Arguments: main.js, then the command that runs node (such as setpriv), then `--`, then what to do:
 * SIGNAL@MILLISECONDS, all in parallel. Prints one JSON document.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const [main, ...rest] = process.argv.slice(2);
const at = rest.indexOf('--');
const before = rest.slice(0, at);
const points = rest.slice(at + 1).map((point) => point.split('@'));

const read = (act) => {
  try {
    return act();
  } catch {
    return null;
  }
};

/** Processes other than the first one and this one; zombies do not count. */
function others() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== '1' && Number(name) !== process.pid)
    .map((pid) => ({ pid, stat: read(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) }))
    .filter(({ stat }) => stat !== null && !/\) [ZX] /.test(stat))
    .map(
      ({ pid }) => `${pid} ${read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))}`,
    );
}

const KINDS = ['net', 'mnt', 'pid', 'user'];
const namespaces = () =>
  new Set(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((pid) => KINDS.map((kind) => read(() => readlinkSync(`/proc/${pid}/ns/${kind}`))))
      .filter((link) => link !== null),
  );

// Mount points of other tests' namespaces, hidden in this /run, disappear when their files are deleted.
const mounts = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => !line.includes(' - nsfs '));

const host = () => ({
  mounts: mounts().join('\n'),
  named: spawnSync('ip', ['netns'], { encoding: 'utf8' }).stdout,
  links: spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' }).stdout,
  routes: spawnSync('ip', ['route', 'show', 'table', 'all'], { encoding: 'utf8' }).stdout,
  endpoints: spawnSync('ip', ['mptcp', 'endpoint'], { encoding: 'utf8' }).stdout,
  run: readdirSync('/run').join(' '),
});

async function interrupt([signal, delay]) {
  const [program, ...parameters] = [...before, process.execPath, main, 'demo', '--json'];
  const child = spawn(program, parameters, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  let errors = '';
  let scene = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    for (const [, name] of text.matchAll(/"kind":"scene","name":"(\w+)"/g)) scene = name;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  const closed = once(child, 'close');
  await sleep(Number(delay));
  child.kill(signal);
  const [code, killed] = await closed;
  return { signal, delay: Number(delay), scene, code, killed, errors };
}

const namespacesBefore = namespaces();
const hostBefore = host();
const interrupted = await Promise.all(points.map(interrupt));
const left = () => [...namespaces()].filter((link) => !namespacesBefore.has(link));
// A killed demo cannot wait for the other processes; and a zombie keeps its user namespace until it is reaped.
for (let i = 0; i < 1_500 && others().length + left().length > 0; i++) await sleep(20);
const hostAfter = host();
const changed = Object.keys(hostBefore).filter((key) => hostBefore[key] !== hostAfter[key]);
process.stdout.write(JSON.stringify({ interrupted, processes: others(), namespaces: left(), changed }));

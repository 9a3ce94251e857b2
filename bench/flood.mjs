/**
 * Measures the daemon in a flood of events: `node bench/flood.mjs [CHANGES] [INTERFACES]` (20000 and 50), as root, after
 * `npm run build`. In a network namespace of its own it changes addresses and default routes as fast as ip(8) can, and
 * prints how long that took, how much later everything was in place, and what the daemon used meanwhile.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

async function flood(changes, interfaces) {
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-bench-'));
  try {
    const config = join(folder, 'config.yaml');
    writeFileSync(config, 'rules:\n  "u*": subflow\n', { mode: 0o644 });
    const each = (line) => Array.from({ length: interfaces }, (_, index) => line(index)).join('\n');
    batch(each((i) => `link add u${i} type veth peer name p${i}`));
    batch(each((i) => `link set u${i} up\nlink set p${i} up`));
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
    const daemon = spawn(process.execPath, [main, 'run', '--config', config, '--log', 'null'], {
      stdio: 'inherit',
    });
    await sleep(1500);
    const before = used(daemon.pid);
    const began = performance.now();
    batch([...script(changes, interfaces), final(interfaces)].join('\n'));
    const ended = performance.now();
    while (policyRules() < interfaces && performance.now() < ended + 60_000) await sleep(5);
    const settled = performance.now();
    const after = used(daemon.pid);
    console.log(`${changes} changes on ${interfaces} interfaces in ${Math.round(ended - began)} ms`);
    console.log(`in place ${Math.round(settled - ended)} ms after the last one`);
    console.log(`the daemon used ${after.cpu - before.cpu} ms of processor time; ${after.rss} MiB resident`);
    daemon.kill('SIGTERM');
    await new Promise((resolve) => daemon.on('exit', resolve));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The same sequence at every run: a multiplicative generator modulo a prime. */
function* script(changes, interfaces) {
  let state = 1;
  for (let n = 0; n < changes / 4; n++) {
    state = (state * 48271) % 0x7fff_ffff;
    const i = state % interfaces;
    yield `addr replace 10.${i}.0.2/24 dev u${i}`;
    yield `route replace default via 10.${i}.0.1 dev u${i} metric ${100 + i}`;
    yield `route del default via 10.${i}.0.1 dev u${i} metric ${100 + i}`;
    yield `addr del 10.${i}.0.2/24 dev u${i}`;
  }
}

const final = (interfaces) =>
  Array.from(
    { length: interfaces },
    (_, i) =>
      `addr replace 10.${i}.0.2/24 dev u${i}\nroute replace default via 10.${i}.0.1 dev u${i} metric ${100 + i}`,
  ).join('\n');

function batch(lines) {
  execFileSync('ip', ['-force', '-batch', '-'], { input: `${lines}\n`, stdio: ['pipe', 'ignore', 'ignore'] });
}

const policyRules = () =>
  execFileSync('ip', ['rule'])
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('8684:')).length;

/** proc_pid_stat(5): utime and stime, in clock ticks of 10 ms. */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1];
  return { cpu: (Number(fields[11]) + Number(fields[12])) * 10, rss: Math.round(rss / 1024) };
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

if (!process.env.MULTIHOMED_BENCH) {
  const enclosed = [
    '--net',
    '--mount',
    process.execPath,
    fileURLToPath(import.meta.url),
    ...process.argv.slice(2),
  ];
  const env = { ...process.env, MULTIHOMED_BENCH: '1' };
  const child = spawn('unshare', enclosed, { stdio: 'inherit', env });
  child.on('exit', (code) => (process.exitCode = code ?? 1));
} else {
  await flood(Number(process.argv[2] ?? 20_000), Number(process.argv[3] ?? 50));
}

/**
 * Measures hooks: `node bench/hooks.mjs [--before FILE] [--samples N]`, as root, after `npm run build`. In namespaces
 * of its own, the gateways of four uplinks change one after the other, and a hook runs for each change. It prints the
 * hooks per second and the processor time that the daemon, and the daemon with its hook runner, use for each hook.
 * --before: the dist/main.js of another build, measured in turn with this one.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ip, sleep } from './lab.mjs';

const UPLINKS = [1, 2, 3, 4];
const ROUNDS = 3;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const { values: options } = parseArgs({
  options: { before: { type: 'string' }, samples: { type: 'string', default: '50' } },
});
const samples = Number(options.samples);

/** Returns the pids of the daemon and of its hook runner. */
const programs = () =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return /dist\/main\.js/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    } catch {
      // It has ended.
      return false;
    }
  });
const total = () => programs().reduce((sum, pid) => sum + ownTime(pid), 0);
/** Returns the processor time of a process without its children, in milliseconds. */
const ownTime = (pid) =>
  readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    .reduce((sum, each) => sum + each, 0);

async function until(condition) {
  for (const deadline = performance.now() + 60_000; !condition(); await sleep(2))
    if (performance.now() > deadline) throw new Error('not within 60 s');
}

const gateway = (n, last) => `route replace default via 10.0.${n}.${last} dev u${n} metric ${100 + n}`;

async function measure(main, folder, hooks) {
  const calls = join(folder, 'calls');
  writeFileSync(calls, '');
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    JSON.stringify({ rules: { 'u*': 'subflow' }, hooks: { path: join(folder, hooks) } }),
    {
      mode: 0o644,
    },
  );
  ip(UPLINKS.map((n) => gateway(n, 1)));
  const daemon = spawn(process.execPath, [main, 'run', '--config', config, '--log', 'null'], {
    stdio: 'inherit',
  });
  const policyRules = () =>
    execFileSync('ip', ['rule', 'show', 'protocol', '86']).toString().split('priority').length;
  await sleep(1000);
  await until(() => policyRules() > 0);
  await sleep(2000);
  const [own, all] = [ownTime(daemon.pid), total()];
  const [began, size] = [performance.now(), statSync(calls).size];
  for (let sample = 0; sample < samples; sample++) {
    ip(UPLINKS.map((n) => gateway(n, sample % 2 === 0 ? 9 : 1)));
    const wanted = size + (sample + 1) * UPLINKS.length * 2;
    if (hooks === 'hooks') await until(() => statSync(calls).size >= wanted);
    else await sleep(20);
  }
  const seconds = (performance.now() - began) / 1000;
  const count = samples * UPLINKS.length;
  const result = {
    rate: count / seconds,
    own: (ownTime(daemon.pid) - own) / count,
    all: (total() - all) / count,
  };
  const runner = programs().filter((pid) => Number(pid) !== daemon.pid);
  daemon.kill('SIGTERM');
  await new Promise((resolve) => daemon.on('exit', resolve));
  for (const pid of runner) await until(() => !programs().includes(pid));
  return result;
}

async function bench() {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run']);
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-bench-'));
  try {
    for (const name of ['hooks', 'none']) mkdirSync(join(folder, name), { mode: 0o755 });
    const script = `#!/bin/sh\n[ "$2" != change ] || echo x >>${join(folder, 'calls')}\n`;
    writeFileSync(join(folder, 'hooks/10-count'), script, { mode: 0o755 });
    for (const n of UPLINKS)
      ip([
        `link add u${n} type veth peer name p${n}`,
        `link set p${n} up`,
        `link set u${n} up`,
        `address add 10.0.${n}.2/24 dev u${n}`,
      ]);
    const mains = { now: path('../dist/main.js'), ...(options.before ? { before: options.before } : {}) };
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, main] of Object.entries(mains)) {
        const without = await measure(main, folder, 'none');
        const { rate, own, all } = await measure(main, folder, 'hooks');
        const [daemon, processes] = [own - without.own, all - without.all].map((each) => each.toFixed(2));
        console.log(
          `${name}: ${rate.toFixed(1)} hooks/s; ms of processor time for a hook: daemon ${daemon}, daemon and runner ${processes}; for a change without hook ${without.own.toFixed(2)}`,
        );
      }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.env.MULTIHOMED_BENCH) await bench();
else {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
  process.exitCode =
    spawnSync('unshare', [...namespaces, process.execPath, path('hooks.mjs'), ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, MULTIHOMED_BENCH: '1' },
    }).status ?? 1;
}

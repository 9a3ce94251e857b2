/**
 * Runs the tests on another kernel: `node test/qemu/run.mjs 6.1 [vitest arguments]`, in a virtual machine, with the
 * tree as built here. See docs/kernels.md. Needs Debian's qemu-system-x86, and downloads Debian's kernel; not part of
 * `npm test`, because it takes minutes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from './image.mjs';
import { kernelPackage, unpacked } from './packages.mjs';

const [, , version, ...given] = process.argv;
if (!/^\d+\.\d+$/.test(version ?? '')) {
  console.error('usage: node test/qemu/run.mjs 6.1|6.12 [vitest arguments]');
  process.exit(2);
}
const as = process.env.MULTIHOMED_TEST_AS;
if (as !== undefined && !['root', 'nobody'].includes(as)) {
  console.error('MULTIHOMED_TEST_AS is root or nobody');
  process.exit(2);
}
/**
 * The guest's clock counts its instructions, a nanosecond each, and skips idle times. So the guest does not depend on
 * the speed of this machine, and no time-out must be longer. With a second processor and this clock, 6.1 often hangs at
 * boot.
 */
const CLOCK = ['-accel', 'tcg', '-icount', 'shift=0,sleep=off'];
/** Files in parallel would share one processor, each poll starts a program, and progress is printed for each test. */
const PACE = [
  '--reporter=verbose',
  '--no-file-parallelism',
  '--testTimeout=120000',
  '--hookTimeout=120000',
  '--expect.poll.timeout=15000',
  '--expect.poll.interval=100',
];
const files = given.some((each) => !each.startsWith('-')) ? [] : ['test/kernel', 'test/native'];

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'multihomed-qemu');
mkdirSync(cache, { recursive: true });
const work = mkdtempSync(join(cache, 'run-'));
try {
  const packages = {
    kernel: unpacked(kernelPackage(version), cache),
    busybox: unpacked('busybox-static', cache),
    kmod: unpacked('kmod', cache),
    libkmod: unpacked('libkmod2', cache),
  };
  process.exitCode = await boot(build(packages, work, [...PACE, ...files, ...given]));
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** @returns the exit status of the tests */
async function boot({ linux, initrd, disk }) {
  const log = join(work, 'kernel.log');
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-M', 'q35', '-cpu', 'max', '-m', '3072', '-nodefaults', '-nographic', '-no-reboot'],
      ...CLOCK,
      ...['-serial', `file:${log}`, '-serial', 'stdio'],
      ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
      ...['-kernel', linux, '-initrd', initrd, '-append', 'console=ttyS0 panic=-1 loglevel=5'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = once(machine, 'exit');
  // When it is interrupted, it still ends the machine and deletes the image.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => machine.kill());
  let status = null;
  for await (const line of createInterface({ input: machine.stdout })) {
    const [, said] = /^exit status (\d+)/.exec(line) ?? [];
    if (said === undefined) console.log(line.replace(/\r$/, ''));
    else status = Number(said);
  }
  await ended;
  if (status !== null) return status;
  console.error(
    `the machine ended without a result; its console said:\n${readFileSync(log, 'utf8').slice(-4_000)}`,
  );
  return 1;
}

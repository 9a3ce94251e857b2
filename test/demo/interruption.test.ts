/** Interrupted at any point, the demo leaves no process, namespace, mount or change of the network. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { AS_NOBODY, MAIN, users, whyNot } from './performance.ts';

interface Interrupted {
  readonly signal: string;
  readonly delay: number;
  readonly scene: string;
  readonly code: number | null;
  readonly killed: string | null;
  readonly errors: string;
}

interface Report {
  readonly interrupted: readonly Interrupted[];
  readonly processes: readonly string[];
  readonly namespaces: readonly string[];
  /** What has changed in the host's network and mounts. */
  readonly changed: readonly string[];
}

const INTERRUPTER = fileURLToPath(new URL('./interrupter.mjs', import.meta.url));
const CODES: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Milliseconds after the start: while Node starts, while namespaces are created, in different scenes. */
const POINTS = [
  ['SIGINT@250', 'SIGKILL@400', 'SIGINT@600', 'SIGTERM@4500', 'SIGKILL@5500', 'SIGHUP@7000'],
  ['SIGKILL@30', 'SIGKILL@150', 'SIGKILL@200', 'SIGKILL@300', 'SIGINT@350', 'SIGKILL@1200'],
];

const run = promisify(execFile);

/** Runs in namespaces in which no other program starts or ends a process. */
async function interrupt(before: readonly string[], points: readonly string[]): Promise<Report> {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = [...user, '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'];
  // The shell stays as the first process and reaps orphaned processes.
  // Namespaces of other tests appear and disappear in the shared /run.
  const shell = ['sh', '-c', 'mount -t tmpfs tmpfs /run; "$@"; exit $?', 'sh'];
  const program = [process.execPath, INTERRUPTER, MAIN, ...before, '--', ...points];
  const { stdout } = await run('unshare', [...namespaces, ...shell, ...program]);
  return JSON.parse(stdout) as Report;
}

describe.skipIf(whyNot() !== null)('demo: interrupted', () => {
  it.each(users())('as %s: leaves no process, namespace or mount', async (user) => {
    const before = user === 'nobody' ? AS_NOBODY : [];
    for (const points of POINTS) {
      const report = await interrupt(before, points);
      expect(report.processes).toEqual([]);
      expect(report.namespaces).toEqual([]);
      expect(report.changed).toEqual([]);
      for (const { signal, code, killed, errors, delay } of report.interrupted) {
        expect(errors).toBe('');
        // Before its handlers are installed, it ends by the signal like any program.
        if (signal === 'SIGKILL' || killed !== null) expect(killed).toBe(signal);
        else expect(code, `${signal} after ${delay} ms`).toBe(CODES[signal]);
      }
    }
  });
});

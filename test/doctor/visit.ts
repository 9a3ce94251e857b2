/** Runs doctor, and runs the commands that it prints. */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import type { FindingDocument as Finding } from '../../src/doctor/finding.ts';
import type { Daemon } from '../support/daemon.ts';
import { finished, MAIN, type Finished } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';

export interface Visit {
  readonly code: number | null;
  readonly worst: string;
  readonly findings: readonly Finding[];
}

/** A process namespace for a program, because network managers of other tests must not be found. */
const ALONE = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--'] as const;

/** Runs the command without other visible processes. */
export function doctor(lab: Lab, ...args: string[]): Promise<Finished> {
  const [program, ...rest] = ALONE;
  return finished(lab.host.spawn(program, [...rest, process.execPath, MAIN, 'doctor', ...args]));
}

export async function visit(lab: Lab, daemon: Daemon, ...more: string[]): Promise<Visit> {
  const { code, stdout, stderr } = await doctor(lab, '--json', '--config', daemon.config, ...more);
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as Omit<Visit, 'code'>), code };
}

export const found = ({ findings }: Visit, id: string): Finding | undefined =>
  findings.find((each) => each.id === id);

/** Expects a finding with a command, and the exit code of its severity. */
export async function diagnosed(lab: Lab, daemon: Daemon, id: string): Promise<Finding> {
  const seen = await visit(lab, daemon);
  const finding = found(seen, id);
  expect(finding, JSON.stringify(seen.findings)).toMatchObject({ command: expect.any(String) });
  expect(['warning', 'fault']).toContain(finding?.severity);
  expect(seen.code).toBe(seen.worst === 'fault' ? 3 : 1);
  return finding!;
}

/** Runs the command as it is printed, in the host's namespace. */
export function obey(lab: Lab, { command: text }: Finding): void {
  lab.host.sh(text!);
}

/** Expects that there is no warning or fault with this id any more. */
export async function cured(lab: Lab, daemon: Daemon, id: string): Promise<void> {
  await expect
    .poll(async () => found(await visit(lab, daemon), id)?.severity ?? 'gone', { interval: 200 })
    .toMatch(/^(?:ok|note|gone)$/);
}

/** Runs a shell command in the host's namespace, with `folder` as /etc. */
export function withEtc(lab: Lab, folder: string, text: string): string {
  const script = 'mount --bind "$1" /etc && exec sh -c "$2"';
  const args = [`--net=${lab.host.path}`, ...ALONE, 'sh', '-c', script, 'sh', folder, text];
  return execFileSync('nsenter', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

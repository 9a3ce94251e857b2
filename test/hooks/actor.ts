/**
 * The program inside a harness: reads requests as lines of JSON, passes them to the real runner or to a shell, and
 * answers each with a line of JSON.
 */
import { spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { hookEnvironment } from '../../src/hooks/environment.ts';
import { localRunner } from '../../src/hooks/local-runner.ts';
import type { HookAction, LinkFacts, UplinkFacts } from '../../src/hooks/facts.ts';
import type { HookReport } from '../../src/hooks/runner.ts';
import { memoryLog } from './memory-log.ts';

export type Request =
  | { kind: 'hook'; action: HookAction; facts: UplinkFacts | LinkFacts; folder: string; timeout: number }
  | { kind: 'shell'; text: string };

export interface HookResult {
  reports: readonly HookReport[];
  lines: string[];
}

export interface Answered {
  status: number | null;
  stdout: string;
  stderr: string;
}

const { log, lines } = memoryLog();
const runner = localRunner(log);

async function answer(request: Request): Promise<HookResult | Answered> {
  if (request.kind === 'shell') {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', request.text], { encoding: 'utf8' });
    return { status, stdout, stderr };
  }
  const { action, facts, folder, timeout } = request;
  const reports = await runner.run({
    action,
    interface: facts.interface,
    environment: hookEnvironment(action, facts),
    timeout,
    user: 'root',
    folders: [folder],
  });
  return { reports, lines: lines.splice(0) };
}

for await (const line of createInterface(process.stdin)) {
  const answered = await answer(JSON.parse(line) as Request);
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}

/** Runs one hook with its time-out, and logs its output. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from './environment.ts';
import { ProcessGroup, type Exit } from './group.ts';
import type { HookIdentity } from './identity.ts';
import { OutputBudget } from './output.ts';
import { SystemError } from '../system/addon.ts';

export interface Execution {
  /** The checked descriptor. It is executed itself, so that no name is looked up again. */
  readonly fd: number;
  readonly argv: readonly string[];
  readonly environment: Environment;
  readonly identity: HookIdentity;
  /** Milliseconds. */
  readonly timeout: number;
  readonly onLine: (line: string) => void;
  /** When aborted, the program gets SIGTERM, and SIGKILL after STOP_GRACE_MS. */
  readonly stop: AbortSignal;
}

export interface Ending {
  readonly outcome: 'done' | 'failed' | 'timed out' | 'refused' | 'stopped';
  /** A sentence; empty for `done`. */
  readonly reason: string;
}

/** Milliseconds from SIGTERM to SIGKILL: after the time-out, and when the daemon stops. */
const GRACE_MS = 2000;
const STOP_GRACE_MS = 300;

/** Milliseconds for reading the rest of the pipes after the exit; a grandchild may hold them open without end. */
const DRAIN_MS = 250;

/** Runs one program until it exits. Its background children are ended only at a time-out or stop. */
export async function execute(execution: Execution): Promise<Ending> {
  const { fd, argv, environment, identity, timeout, stop } = execution;
  if (stop.aborted) return { outcome: 'stopped', reason: 'not started, because multihomed stops' };
  let group: ProcessGroup;
  try {
    // Set for root too, because setting the identity also drops the supplementary groups.
    const become = process.geteuid?.() === 0 ? identity : null;
    group = new ProcessGroup({ fd, argv, environment, identity: become });
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    return { outcome: 'refused', reason: whyNotStarted(error) };
  }
  const budget = new OutputBudget(execution.onLine);
  const streams = [group.stdout, group.stderr];
  const drained = Promise.all(streams.map((stream) => readAll(stream, budget)));
  const cut = await waitOrCut(group.exited, timeout, stop);
  if (cut !== null) await group.end(cut === 'timed out' ? GRACE_MS : STOP_GRACE_MS);
  const exit = await group.exited;
  group.release();
  await Promise.race([drained, sleep(DRAIN_MS)]);
  for (const stream of streams) stream.destroy();
  await drained;
  budget.close();
  return ending(cut, exit, timeout);
}

type Cut = 'timed out' | 'stopped' | null;

async function waitOrCut(exit: Promise<Exit>, timeout: number, stop: AbortSignal): Promise<Cut> {
  const over = new AbortController();
  const signal = over.signal;
  const quiet = (): null => null;
  try {
    return await Promise.race([
      exit.then(quiet),
      sleep(timeout, 'timed out' as const, { signal }).catch(quiet),
      stop.aborted
        ? ('stopped' as const)
        : once(stop, 'abort', { signal }).then(() => 'stopped' as const, quiet),
    ]);
  } finally {
    over.abort();
  }
}

/** Reads a stream until it ends or is destroyed. */
async function readAll(stream: Readable, budget: OutputBudget): Promise<void> {
  const lines = budget.stream();
  stream.on('data', (chunk: Buffer) => lines.write(chunk));
  // An error ends the stream.
  stream.on('error', () => stream.destroy());
  if (!stream.closed) await new Promise<void>((resolve) => stream.once('close', resolve));
  lines.end();
}

function ending(cut: Cut, { status, signal }: Exit, timeout: number): Ending {
  if (cut === 'timed out') {
    return {
      outcome: 'timed out',
      reason: `timed out after ${timeout / 1000} s; its process group was ended`,
    };
  }
  if (cut === 'stopped') return { outcome: 'stopped', reason: 'ended, because multihomed stops' };
  if (signal !== null) return { outcome: 'failed', reason: `ended by ${signal}` };
  if (status !== 0) return { outcome: 'failed', reason: `ended with status ${status}` };
  return { outcome: 'done', reason: '' };
}

/** Explains an error of execve(2) to the author of the script. */
function whyNotStarted(error: SystemError): string {
  switch (error.code) {
    case 'ENOENT':
      return 'not started (ENOENT): the interpreter that its first line names does not exist';
    case 'EACCES':
      return 'not started (EACCES): its user may not execute and read it, or it is on a file system mounted noexec';
    case 'EPERM':
      return 'not started (EPERM): this process may not become the user that hooks.user names';
    default:
      return `not started: ${error.message}`;
  }
}

/** Starts the hook runner as a child of the daemon. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../system/root.ts';

/** A connection to a hook runner. */
export interface RunnerConnection {
  readonly socket: Socket;
  /** Resolves when the runner is gone, with the end of a sentence about it: "was ended by SIGKILL". */
  readonly ended: Promise<string>;
}

const PROGRAM = [join(PACKAGE_ROOT, 'dist/main.js'), 'hook-runner'];
/** The number of the runner's descriptor; see src/hook-runner.ts. */
const CONNECTION = 3;

/**
 * The runner has the daemon's identity and its network namespace. It has a session of its own, so that a signal of the
 * terminal reaches the daemon alone, which then stops it.
 * @throws an error of spawn(2), such as EAGAIN
 */
export function spawnRunner(): RunnerConnection {
  const child = spawn(process.execPath, PROGRAM, {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
    detached: true,
    env: {},
  });
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (status, signal) =>
      resolve(signal === null ? `ended with status ${status}` : `was ended by ${signal}`),
    );
  });
  // Without a free descriptor, Node makes no streams at all.
  const socket = (child.stdio as typeof child.stdio | undefined)?.[CONNECTION];
  if (!socket) throw new Error('the hook runner could not be started: no free descriptor');
  return { socket: socket as Socket, ended };
}

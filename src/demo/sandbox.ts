/**
 * User, network, mount and process namespaces that exist only as long as their processes. Their first process ends
 * when the pipe at its standard input closes, which happens at any end of this process, and the kernel then ends all
 * the others (pid_namespaces(7)). So there is nothing to clean up.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Fact } from './fact.ts';
import { ForbiddenError, whyForbidden } from './forbidden.ts';

/** A required program is not installed. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
}

const BASE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const USER = ['--user', '--map-root-user'];
/** A user's PATH often lacks the folders of system programs. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
/** Milliseconds that the sandbox may take to end by itself. */
const GRACE_MS = 2000;

export interface Sandbox {
  /** The facts that the sandbox reports until it ends. */
  readonly facts: AsyncIterable<Fact>;
  /** Resolves with the exit code, or null if it was killed, when none of its processes runs any more. */
  readonly ended: Promise<number | null>;
  /** Ends all processes inside. */
  end(): void;
}

/** Runs `main demo --as laptop` inside the namespaces. @throws ForbiddenError @throws MissingError */
export function openSandbox(main: string): Sandbox {
  const flags = permitted();
  const inside = [process.execPath, main, 'demo', '--as', 'laptop'];
  const child = spawn('unshare', [...flags, '--', ...inside], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    env: environment(),
    // Detached from the terminal, so that its signals (Ctrl-C) reach only this process.
    detached: true,
  });
  // A write to a process that has ended is no error here, because `ended` reports it.
  child.stdin.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const ended = exitOf(child).finally(() => {
    over = true;
    clearTimeout(timer);
  });
  return {
    facts: factsOf(child),
    ended,
    end() {
      child.stdin.destroy();
      if (over) return;
      timer ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    },
  };
}

/** The user's environment, such as NODE_OPTIONS, must not affect the daemon inside. */
const environment = (): NodeJS.ProcessEnv => ({ PATH, LANG: 'C.UTF-8' });

function permitted(): readonly string[] {
  const isRoot = process.geteuid?.() === 0;
  const candidates = isRoot ? [BASE, [...USER, ...BASE]] : [[...USER, ...BASE]];
  let refusal = '';
  for (const flags of candidates) {
    const { status, stderr, error } = spawnSync('unshare', [...flags, '--', 'ip', '-V'], {
      encoding: 'utf8',
      cwd: '/',
      env: { PATH, LC_ALL: 'C' },
    });
    if (error) throw new MissingError(missing('unshare', 'util-linux'));
    if (status === 0) return flags;
    // unshare(1) exits with 127 when it does not find the program.
    if (status === 127) throw new MissingError(missing('ip', 'iproute2'));
    refusal ||= stderr;
  }
  throw new ForbiddenError(whyForbidden({ stderr: refusal, isRoot }));
}

const missing = (program: string, from: string): string =>
  `The demo needs the program "${program}". Install it:\n    apt-get install ${from}`;

async function* factsOf(child: ChildProcess): AsyncGenerator<Fact> {
  for await (const line of createInterface(child.stdout!)) yield JSON.parse(line) as Fact;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

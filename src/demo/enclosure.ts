/**
 * Namespaces of users, networks, mounts and processes that nothing but processes holds. Their first process ends when the
 * pipe that is its standard input ends, however we end, and the kernel then ends all the others (pid_namespaces(7)): no
 * clearing up is needed, so none can be missed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Fact } from './fact.ts';
import { ForbiddenError, whyForbidden } from './forbidden.ts';

/** A program that is needed is not there. */
export class MissingError extends Error {
  override readonly name = 'MissingError';
}

const BASE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const USER = ['--user', '--map-root-user'];
/** A user's PATH often lacks these. */
const PATH = `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
/** How long it may take to end by itself. */
const GRACE = 2000;

export interface Enclosure {
  /** What is told from inside, until it ends. */
  readonly facts: AsyncIterable<Fact>;
  /** Its exit code; null: it was killed. Resolves when nothing of it runs any more. */
  readonly ended: Promise<number | null>;
  /** Ends all that is inside. */
  end(): void;
}

/** Runs `main demo --as laptop` inside. @throws ForbiddenError @throws MissingError */
export function openEnclosure(main: string): Enclosure {
  const flags = permitted();
  const inside = [process.execPath, main, 'demo', '--as', 'laptop'];
  const child = spawn('unshare', [...flags, '--', ...inside], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
    env: environment(),
    // Away from the terminal: what is typed there reaches us alone.
    detached: true,
  });
  // Whoever writes to one that has ended learns it from `ended`.
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
      timer ??= setTimeout(() => child.kill('SIGKILL'), GRACE);
    },
  };
}

/** NODE_OPTIONS and the like are the user's business with this process, not with the daemon in there. */
const environment = (): NodeJS.ProcessEnv => ({ PATH, LANG: 'C.UTF-8' });

function permitted(): readonly string[] {
  const root = process.geteuid?.() === 0;
  const candidates = root ? [BASE, [...USER, ...BASE]] : [[...USER, ...BASE]];
  let said = '';
  for (const flags of candidates) {
    const { status, stderr, error } = spawnSync('unshare', [...flags, '--', 'ip', '-V'], {
      encoding: 'utf8',
      cwd: '/',
      env: { PATH, LC_ALL: 'C' },
    });
    if (error) throw new MissingError(missing('unshare', 'util-linux'));
    if (status === 0) return flags;
    // unshare(1): 127, the program was not found.
    if (status === 127) throw new MissingError(missing('ip', 'iproute2'));
    said ||= stderr;
  }
  throw new ForbiddenError(whyForbidden(said, root));
}

const missing = (program: string, from: string): string =>
  `The demo needs the program "${program}": install ${from} (apt-get install ${from}).`;

async function* factsOf(child: ChildProcess): AsyncGenerator<Fact> {
  for await (const line of createInterface(child.stdout!)) yield JSON.parse(line) as Fact;
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code;
}

/** Runs the demo as a given user and collects its facts. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Fact } from '../../src/demo/fact.ts';
import { MAIN } from '../support/installed.ts';

export { MAIN } from '../support/installed.ts';

/** The command that runs a command line as this user. */
export const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

export type User = 'root' | 'nobody' | 'own';

const works = (command: readonly string[]): boolean =>
  spawnSync(command[0]!, command.slice(1), { stdio: 'ignore', cwd: '/' }).status === 0;

/** The users as which the demo can run here; user `nobody` must be able to read the tree. */
export function users(): User[] {
  if (process.geteuid?.() !== 0) return ['own'];
  if (works([...AS_NOBODY, process.execPath, MAIN, '--version'])) return ['root', 'nobody'];
  console.log('skipped: the demo as nobody, who is not known here or may not read this tree');
  return ['root'];
}

/** Null if namespaces can be created here. */
export function whyNot(): string | null {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const flags = [...user, '--net', '--mount', '--pid', '--fork', '--mount-proc', 'true'];
  const { status, stderr } = spawnSync('unshare', flags, { encoding: 'utf8' });
  if (status === 0) return null;
  const why = `skipped: namespaces cannot be made here: ${stderr.trim()}`;
  console.log(why);
  return why;
}

export interface Performance {
  readonly facts: Fact[];
  readonly code: number | null;
  readonly errors: string;
}

/** `onFact` is called for each fact, with the pid of the first process inside. */
export async function perform(
  user: User,
  onFact: (fact: Fact, inside: number) => void = () => undefined,
): Promise<Performance> {
  const [program, ...rest] = [
    ...(user === 'nobody' ? AS_NOBODY : []),
    process.execPath,
    MAIN,
    'demo',
    '--json',
  ];
  const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
  const facts: Fact[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  createInterface(child.stdout).on('line', (line) => {
    const fact = JSON.parse(line) as Fact;
    facts.push(fact);
    onFact(fact, inside(child));
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { facts, code, errors };
}

/** The laptop: the child of the test's unshare(1). */
function inside(child: ChildProcess): number {
  const [unshare] = childrenOf(child.pid ?? 0);
  const [laptop] = childrenOf(unshare ?? 0);
  return laptop ?? 0;
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => parentOf(pid) === parent);
}

/** proc_pid_stat(5): the fourth field, after a name that may contain any character. */
function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

/** The command that runs a program in that process's network. */
export function enter(pid: number): string[] {
  const user = process.geteuid?.() === 0 ? [] : ['--user', '--preserve-credentials'];
  return ['nsenter', `--target=${pid}`, ...user, '--net', '--'];
}

export function only<K extends Fact['kind']>(facts: readonly Fact[], kind: K): Extract<Fact, { kind: K }>[] {
  return facts.filter((fact): fact is Extract<Fact, { kind: K }> => fact.kind === kind);
}

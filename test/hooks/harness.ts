/** Namespaces in which a shipped hook runs as a child of the real runner, with shell commands beside it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { HookAction, LinkFacts, UplinkFacts } from '../../src/hooks/facts.ts';
import type { Answered, Request, HookResult } from './actor.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Namespaces of its own: network, mounts with an empty /run, and processes, all of which end with it. */
const unshare = [
  ...(process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  '--net',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--',
];

/**
 * Returns the reason why the test cannot run: a program is not installed, or namespaces cannot be created; null if it
 * can. `programs`: the Debian package of each. @throws Error with this reason if CI is `true`
 */
export function missing(programs: Readonly<Record<string, string>>): string | null {
  const reason = absent(programs);
  if (reason !== null && process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

/** Like `missing`, also in CI: for programs that need not be installed for tests. */
export function absent(programs: Readonly<Record<string, string>>): string | null {
  const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
  for (const [program, debianPackage] of Object.entries(programs)) {
    const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { env: { PATH } }).status === 0;
    if (!found) return `${program} is not installed: apt-get install ${debianPackage}`;
  }
  const { status, stderr } = spawnSync('unshare', [...unshare, 'true'], { encoding: 'utf8' });
  return status === 0 ? null : `namespaces cannot be made here: ${stderr.trim()}`;
}

export interface Harness {
  /** A folder that also exists outside of the namespaces; removed at the end. */
  readonly root: string;
  /** The path of the shipped hook. */
  readonly hook: string;
  /** Runs the hook as the daemon would. */
  runHook(action: HookAction, facts: UplinkFacts | LinkFacts, timeout?: number): Promise<HookResult>;
  /** Runs a shell command inside; background processes must not hold its output open. */
  shell(text: string): Promise<Answered>;
  /**
   * Runs a shell command until it succeeds.
   * @returns its output
   */
  until(text: string): Promise<string>;
  end(): Promise<void>;
}

/** A harness with one shipped hook, installed as by a package; `edit` changes it as an administrator would. */
export async function openHarness(hook: string, edit = (text: string): string => text): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), 'multihomed-harness-'));
  chmodSync(root, 0o755);
  const folder = join(root, 'hooks.d');
  spawnSync('mkdir', ['-m', '755', folder]);
  const installed = join(folder, basename(hook));
  copyFileSync(join(project, 'hooks', hook), installed);
  writeFileSync(installed, edit(readFileSync(installed, 'utf8')));
  chmodSync(installed, 0o755);
  const bundle = join(root, 'actor.mjs');
  // The actor finds the native addon there, as the shipped bundle does.
  for (const part of ['package.json', 'native', 'node_modules'])
    symlinkSync(join(project, part), join(root, part));
  await build({
    entryPoints: [join(project, 'test/hooks/actor.ts')],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  // The shell remains the first process, because it must reap the background processes of others.
  const script = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && "$1" "$2"; exit $?';
  const child = spawn('unshare', [...unshare, 'sh', '-c', script, 'sh', process.execPath, bundle], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const answers = createInterface(child.stdout)[Symbol.asyncIterator]();

  async function ask<Answer>(request: Request): Promise<Answer> {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('the harness ended by itself');
    return JSON.parse(value) as Answer;
  }
  const shell = (text: string): Promise<Answered> => ask({ kind: 'shell', text });
  return {
    root,
    hook: installed,
    runHook: (action, facts, timeout = 30_000) => ask({ kind: 'hook', action, facts, folder, timeout }),
    shell,
    async until(text) {
      for (;;) {
        const { status, stdout } = await shell(text);
        if (status === 0) return stdout;
        await sleep(50);
      }
    },
    async end() {
      child.stdin.end();
      await exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

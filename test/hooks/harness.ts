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
import { NAMESPACES } from '../support/programs.ts';
import type { Answered, Request, HookResult } from './actor.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

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
  const child = spawn('unshare', [...NAMESPACES, 'sh', '-c', script, 'sh', process.execPath, bundle], {
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

/** Hooks that a test writes as shell scripts, and the real runner for them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { hookEnvironment } from '../../src/hooks/environment.ts';
import { localRunner } from '../../src/hooks/local-runner.ts';
import type { HookReport, HookRequest, HookRunner } from '../../src/hooks/runner.ts';
import { uplink } from './facts.ts';
import { memoryLog } from './memory-log.ts';

/** Folders of real scripts, and the real runner for them; all are removed after the test. */
export interface Scripts {
  readonly root: string;
  /** In order of precedence; created with mode 755. */
  readonly folders: readonly [string, string];
  /**
   * Writes a POSIX shell script.
   * @returns its path
   */
  readonly write: (name: string, body: string, mode?: number, folder?: string) => string;
  readonly runner: HookRunner;
  readonly request: HookRequest;
  readonly run: (changes?: Partial<HookRequest>) => Promise<readonly HookReport[]>;
  readonly lines: string[];
  /** Returns the output of the hooks, without the prefix of the log. */
  readonly said: () => string[];
  readonly read: (name: string) => string;
}

export function scripts(): Scripts {
  const root = mkdtempSync(join(tmpdir(), 'multihomed-hooks-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  const folders = [join(root, 'etc'), join(root, 'usr')] as const;
  for (const folder of folders) mkdirSync(folder, { mode: 0o755 });
  const { log, lines } = memoryLog();
  const runner = localRunner(log);
  onTestFinished(() => runner.stop());
  const request: HookRequest = {
    action: 'up',
    interface: 'wwan0',
    environment: hookEnvironment('up', uplink()),
    timeout: 60_000,
    user: String(process.geteuid?.() ?? 0),
    folders,
  };
  return {
    root,
    folders,
    runner,
    lines,
    write(name, body, mode = 0o755, folder = folders[0]) {
      const path = join(folder, name);
      writeFileSync(path, `#!/bin/sh\n${body}\n`);
      chmodSync(path, mode);
      return path;
    },
    request,
    run: (changes = {}) => runner.run({ ...request, ...changes }),
    said: () => lines.flatMap((line) => /^info \S+ \(.*?\): (.*)$/s.exec(line)?.[1] ?? []),
    read: (name) => readFileSync(join(root, name), 'utf8'),
  };
}

/**
 * Whether this process is root and its namespace maps other uids, so that files and processes can belong to other
 * users.
 */
export function isWholeRoot(): boolean {
  const [inside, , count] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/).map(Number);
  return process.geteuid?.() === 0 && inside === 0 && (count ?? 0) > 65534;
}

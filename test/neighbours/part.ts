/**
 * Programs of other managers. They need not be installed for tests: one may also be unpacked into the folder that
 * MULTIHOMED_TEST_NEIGHBOURS names (docs/neighbours.md). If it is in neither place, its tests are skipped.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { isWholeRoot } from '../hooks/scripts.ts';
import { absent } from '../support/programs.ts';

const ROOTS = [process.env['MULTIHOMED_TEST_NEIGHBOURS'] ?? '', ''];
const FOLDERS = ['usr/sbin', 'usr/bin', 'usr/libexec', 'usr/lib/systemd'];

/** A program's path, or null. Debian's folders of libraries have the name of the architecture. */
export function find(program: string): { path: string; root: string; environment: NodeJS.ProcessEnv } | null {
  for (const root of ROOTS)
    for (const folder of FOLDERS) {
      const path = join(root || '/', folder, program);
      try {
        accessSync(path, constants.X_OK);
      } catch {
        continue;
      }
      return { path, root, environment: root ? { LD_LIBRARY_PATH: join(root, libraries()) } : {} };
    }
  return null;
}

export function libraries(): string {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch;
  return `usr/lib/${machine}-linux-gnu`;
}

/** Returns why tests with these programs cannot run, and prints it once; null if they can. */
export function whyNot(programs: Readonly<Record<string, string>>): string | null {
  const unprivileged = isWholeRoot() ? absent({}) : 'root must be able to become other users';
  const missing = Object.entries(programs).find(([program]) => find(program) === null);
  const reason =
    unprivileged ?? (missing ? `${missing[0]} is not installed (Debian's package ${missing[1]})` : null);
  if (reason !== null) console.log(`Tests with ${Object.values(programs)[0]} are skipped: ${reason}.`);
  return reason;
}

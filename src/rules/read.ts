/** Finds the files that make up the configuration and reads their text. */
import { closeSync, lstatSync, readdirSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { isRefusal, openTrusted } from '../system/trust.ts';
import type { Refusal, TrustedFile } from '../system/trust.ts';
import type { ConfigurationProblem } from './problem.ts';
import type { ConfigurationWarning } from './rule.ts';
import { loadFirst } from './system.ts';
import type { YamlSource } from './yaml.ts';

/** Where a file is. Rules of an earlier place may hide those of a later one. */
export type Tier = 'main' | 'etc' | 'usr';

export interface FoundFile extends YamlSource {
  readonly tier: Tier;
}

export interface FoundFiles {
  readonly files: readonly FoundFile[];
  readonly problems: readonly ConfigurationProblem[];
  readonly warnings: readonly ConfigurationWarning[];
}

export const MAX_BYTES = 1024 * 1024;

export const MAIN_NAMES = ['config.yaml', 'config.yml', 'config.json'];

const CODE = /\.(?:js|cjs|mjs|ts|cts|mts|jsx|tsx)$/;

/** Reads the file of `--config FILE` and nothing else. */
export function readOne(path: string): FoundFiles {
  // A file of code is refused and not read as YAML, because a user who names one expects it to run.
  if (CODE.test(path)) {
    const problem = whole(path, 'a file of code, which is never run', 'a .yaml, .yml or .json file');
    return { files: [], problems: [problem], warnings: [] };
  }
  const answer = openTrusted(path, { maxBytes: MAX_BYTES });
  if (isRefusal(answer)) {
    // `--config /dev/null` means an empty configuration.
    if (answer.code === 'masked')
      return { files: [{ file: path, text: '', tier: 'main' }], problems: [], warnings: [] };
    return { files: [], problems: [refused(answer)], warnings: [] };
  }
  const text = readText(answer);
  if (typeof text !== 'string') return { files: [], problems: [text], warnings: [] };
  return { files: [{ file: path, text, tier: 'main' }], problems: [], warnings: [] };
}

/** Reads the system's configuration and then the drop-ins in the order of their names. */
export async function readSystem(etc: string, usr: string): Promise<FoundFiles> {
  const main = await readMain(resolve(etc));
  const dropIns = readDropIns(resolve(etc), resolve(usr));
  return {
    files: [...main.files, ...dropIns.files],
    problems: [...main.problems, ...dropIns.problems],
    warnings: [...main.warnings, ...dropIns.warnings],
  };
}

async function readMain(etc: string): Promise<FoundFiles> {
  const opened: TrustedFile[] = [];
  const problems: ConfigurationProblem[] = [];
  const warnings: ConfigurationWarning[] = [];
  const files: FoundFile[] = [];
  try {
    for (const name of MAIN_NAMES) {
      const answer = openTrusted(join(etc, name), { maxBytes: MAX_BYTES });
      if (!isRefusal(answer)) opened.push(answer);
      else if (answer.code !== 'masked' && !isAbsent(answer)) problems.push(refused(answer));
    }
    const [first, ...others] = opened;
    if (first === undefined) return { files, problems, warnings };
    for (const { path } of others) warnings.push({ code: 'second-main-file', file: path, by: first.path });
    const text = await loadFirst(opened);
    if (text === null) problems.push(unreadable(first.path));
    // cosmiconfig decodes bytes that are not UTF-8 as U+FFFD.
    else if (text.includes('\uFFFD')) problems.push(whole(first.path, 'bytes that are not UTF-8', 'UTF-8'));
    else files.push({ file: first.path, text: text.replace(/^\uFEFF/, ''), tier: 'main' });
  } catch (error) {
    problems.push(unreadable(opened[0]?.path ?? etc, error));
  } finally {
    for (const { fd } of opened) closeSync(fd);
  }
  return { files, problems, warnings };
}

/**
 * Reads the drop-ins without cosmiconfig, which cannot determine which drop-ins there are, their order and which are
 * masked. Letting it read checked files a second time by name would only add a risk.
 */
function readDropIns(etc: string, usr: string): FoundFiles {
  const problems: ConfigurationProblem[] = [];
  const warnings: ConfigurationWarning[] = [];
  const byName = new Map<string, { path: string; tier: Tier }>();
  for (const [folder, tier] of [
    [join(usr, 'rules.d'), 'usr'],
    [join(etc, 'rules.d'), 'etc'],
  ] as const) {
    for (const name of list(folder, problems)) {
      if (name.startsWith('.')) continue;
      if (name.endsWith('.yaml')) byName.set(name, { path: join(folder, name), tier });
      else if (/\.(?:yml|json)$/.test(name)) {
        warnings.push({ code: 'drop-in-name', file: join(folder, name) });
      }
    }
  }
  const names = [...byName.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const files: FoundFile[] = [];
  for (const name of names) {
    const { path, tier } = byName.get(name) ?? { path: name, tier: 'usr' };
    const answer = openTrusted(path, { maxBytes: MAX_BYTES });
    if (isRefusal(answer)) {
      if (answer.code !== 'masked') problems.push(refused(answer));
      continue;
    }
    const text = readText(answer);
    if (typeof text !== 'string') problems.push(text);
    else if (text.trim() !== '') files.push({ file: path, text, tier });
  }
  return { files, problems, warnings };
}

function list(folder: string, problems: ConfigurationProblem[]): string[] {
  const answer = openTrusted(folder, { kind: 'folder' });
  if (isRefusal(answer)) {
    if (answer.code !== 'masked' && !isAbsent(answer)) problems.push(refused(answer));
    return [];
  }
  try {
    return readdirSync(`/proc/self/fd/${answer.fd}`);
  } catch (error) {
    problems.push(unreadable(folder, error));
    return [];
  } finally {
    closeSync(answer.fd);
  }
}

/** Reads to the end and closes the file. */
function readText({ path, fd }: TrustedFile): string | ConfigurationProblem {
  try {
    const bytes = Buffer.allocUnsafe(MAX_BYTES + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length <= MAX_BYTES; length += got) {
      got = readSync(fd, bytes, length, bytes.length - length, null);
    }
    if (length > MAX_BYTES) return whole(path, 'a file without end', `at most ${MAX_BYTES} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof TypeError) return whole(path, 'bytes that are not UTF-8', 'UTF-8');
    return unreadable(path, error);
  } finally {
    closeSync(fd);
  }
}

/** True when the path does not exist, not even as a dangling link. */
function isAbsent({ path, code }: Refusal): boolean {
  return code === 'missing' && lstatSync(path, { throwIfNoEntry: false }) === undefined;
}

const refused = ({ path, reason, remedy }: Refusal): ConfigurationProblem => ({
  ...whole(path, reason, null),
  remedy,
});

/**
 * Returns the kernel's error without its last words ("EISDIR: illegal operation on a directory", without ", read").
 * Throws an error that did not come from the kernel, because that is a fault of this program and not of the file.
 */
function unreadable(path: string, error?: unknown): ConfigurationProblem {
  const { errno } = (error ?? {}) as NodeJS.ErrnoException;
  if (error !== undefined && errno === undefined) throw error;
  const why = errno === undefined ? 'no answer' : (getSystemErrorMap().get(errno)?.[1] ?? `errno ${errno}`);
  return whole(path, `${path}: cannot be read: ${why}`, null);
}

function whole(file: string, found: string, expected: string | null): ConfigurationProblem {
  return { file, line: null, column: null, found, expected, hint: null };
}

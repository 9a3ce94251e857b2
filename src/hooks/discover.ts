/** Finds the hooks in their folders, and checks each before it runs. */
import { closeSync, constants, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { fileArgument, remedyText, type Command } from '../system/shell-quote.ts';
import { isRefusal, openTrusted, type Refusal, type TrustedFile } from '../system/trust.ts';

export interface HookListing {
  /** Hooks to run, in this order. None of them has been checked yet. */
  readonly paths: readonly string[];
  /** Folders that could not be read or were refused. */
  readonly refusals: readonly Refusal[];
}

/** Matches hidden files and the files that editors and package managers leave behind. */
const LEFT_OVER = /^\.|~$|\.swp$|\.rpm\w*$|\.dpkg-[\w-]*$/;

/**
 * Lists the hooks of all folders. A file in an earlier folder masks files of the same name in later ones, even if it
 * will be refused, because a packaged script must not replace an administrator's. Empty files and links to /dev/null
 * only mask. A folder that does not exist has no hooks.
 */
export function listHooks(folders: readonly string[]): HookListing {
  const found = new Map<string, string | null>();
  const refusals: Refusal[] = [];
  for (const folder of folders) {
    const opened = openTrusted(folder, { kind: 'folder', links: 'refuse' });
    if (isRefusal(opened)) {
      if (opened.code !== 'missing') refusals.push(opened);
      continue;
    }
    try {
      for (const name of readdirSync(`/proc/self/fd/${opened.fd}`)) {
        if (LEFT_OVER.test(name) || found.has(name)) continue;
        found.set(name, isMask(`/proc/self/fd/${opened.fd}/${name}`) ? null : `${folder}/${name}`);
      }
    } catch (error) {
      const reason = `${folder}: cannot be read: ${String(error)}`;
      refusals.push({ path: folder, code: 'refused', reason, remedy: null });
    } finally {
      closeSync(opened.fd);
    }
  }
  const names = [...found.keys()].sort((a, b) => (a < b ? -1 : 1));
  const paths = names.map((name) => found.get(name) ?? null).filter((path) => path !== null);
  return { paths, refusals };
}

/** Opens one hook for running, or returns why it is refused. The caller closes the descriptor. */
export function openHook(path: string): TrustedFile | Refusal {
  const file = openTrusted(path, { links: 'refuse' });
  if (isRefusal(file)) return file;
  const refused = whyNotRun(path, file.stats.mode);
  if (refused === null) return file;
  closeSync(file.fd);
  return refused;
}

function whyNotRun(path: string, mode: number): Refusal | null {
  const refuse = (why: string, change: string, otherwise = ''): Refusal => {
    const remedy: Command = { argv: ['chmod', change, fileArgument(path)] };
    const command = remedyText([remedy]);
    const reason = `${path} is ${why}${command === null ? '' : `: ${command}${otherwise}`}`;
    return { path, code: 'refused', reason, remedy };
  };
  if ((mode & (constants.S_IXUSR | constants.S_IXGRP | constants.S_IXOTH)) === 0)
    return refuse('not executable', '+x', ', or move it elsewhere');
  if ((mode & 0o4000) !== 0) return refuse('setuid', 'u-s');
  if ((mode & 0o2000) !== 0) return refuse('setgid', 'g-s');
  return null;
}

function isMask(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  return stats.isSymbolicLink() ? readlinkSync(path) === '/dev/null' : stats.isFile() && stats.size === 0;
}

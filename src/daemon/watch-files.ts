/**
 * Reports that a configuration file may have changed, by inotify(7) only, so that nothing runs while nothing changes.
 */
import { lstatSync, readdirSync, readlinkSync, watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Places } from '../rules/files.ts';
import type { Clock } from '../system/clock.ts';

/** A change is reported after this many milliseconds without a further event: editors write a file in several steps. */
const QUIET_MS = 150;
/** A change is reported at most this many milliseconds after its first event, so that a reload ends within a second. */
const LONGEST_MS = 600;
/** As MAXSYMLINKS in the kernel (linux/namei.h). */
const MAX_LINKS = 40;

/** For each folder the names of the entries to watch; null: all entries. */
type Watched = Map<string, Set<string> | null>;

/**
 * Calls `changed` after each change of one of the places.
 * @returns the function that ends the watch
 */
export function watchPlaces(places: Places, clock: Clock, changed: () => void): () => void {
  const watchers = new Map<string, FSWatcher>();
  let watched: Watched = new Map();
  let since: number | null = null;
  let cancel = (): void => undefined;
  const seen = (): void => {
    since ??= clock.now();
    cancel();
    const left = since + LONGEST_MS - clock.now();
    cancel = clock.after(Math.max(0, Math.min(QUIET_MS, left)), () => {
      since = null;
      watchAgain();
      changed();
    });
  };
  const add = (folder: string): void => {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        const names = watched.get(folder);
        // Without a name the event is for the folder itself.
        if (names === null || name === null || names?.has(name)) seen();
      });
      watcher.on('error', seen);
      watchers.set(folder, watcher);
    } catch {
      // The folder is gone, or no more watches are available: reload by command still works.
    }
  };
  const watchAgain = (): void => {
    // A folder may have been replaced by another of the same name.
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
    // A folder that appears before its parent is watched is found at the next round.
    for (let again = 0; again < MAX_LINKS; again++) {
      watched = dependencies(places);
      const fresh = [...watched.keys()].filter((folder) => !watchers.has(folder));
      if (fresh.length === 0) return;
      fresh.forEach(add);
      if (fresh.every((folder) => !watchers.has(folder))) return;
    }
  };
  watchAgain();
  return () => {
    cancel();
    for (const watcher of watchers.values()) watcher.close();
  };
}

/**
 * Every folder in which the kernel searches a part of a path to the places, symbolic links and missing parts included.
 */
export function dependencies({ files, folders }: Places): Watched {
  const watched: Watched = new Map();
  for (const file of files) follow(file, watched);
  for (const folder of folders) {
    const real = follow(folder, watched);
    if (real === null) continue;
    watched.set(real, null);
    for (const name of entries(real)) follow(join(real, name), watched);
  }
  return watched;
}

/**
 * Resolves a path as the kernel does (path_resolution(7)).
 * @returns the final path; null: it does not exist
 */
function follow(path: string, watched: Watched): string | null {
  const left = path.split('/').reverse();
  let here = '/';
  let links = 0;
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      here = join(here, '..');
      continue;
    }
    note(watched, here, part);
    const name = join(here, part);
    const target = linkTarget(name);
    if (target === null) return null;
    if (target === '') here = name;
    else {
      if (++links > MAX_LINKS) return null;
      if (target.startsWith('/')) here = '/';
      left.push(...target.split('/').reverse());
    }
  }
  return here;
}

function note(watched: Watched, folder: string, name: string): void {
  const names = watched.get(folder);
  if (names === undefined) watched.set(folder, new Set([name]));
  else names?.add(name);
}

/** The target of a symbolic link; empty: the path is no link; null: the path does not exist. */
function linkTarget(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : '';
  } catch {
    return null;
  }
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

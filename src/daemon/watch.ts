/** Wakes when a configuration file may have changed. */
import { existsSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../system/clock.ts';

/** Editors write a file in several steps. */
const SETTLING = 200;

/** Folders that are missing are waited for by their nearest parent. @returns what ends the watching */
export function watchFolders(folders: readonly string[], clock: Clock, changed: () => void): () => void {
  const watchers: FSWatcher[] = [];
  let cancel = (): void => undefined;
  const soon = (): void => {
    cancel();
    cancel = clock.after(SETTLING, () => {
      rewatch();
      changed();
    });
  };
  const rewatch = (): void => {
    for (const watcher of watchers.splice(0)) watcher.close();
    for (const folder of new Set(folders.map(nearest))) {
      try {
        const watcher = watch(folder, { persistent: false }, soon);
        watcher.on('error', soon);
        watchers.push(watcher);
      } catch {
        // Gone between the look and the watch, or no watches are left: SIGHUP still reloads.
      }
    }
  };
  rewatch();
  return () => {
    cancel();
    for (const watcher of watchers) watcher.close();
  };
}

function nearest(folder: string): string {
  return existsSync(folder) || folder === '/' ? folder : nearest(dirname(folder));
}

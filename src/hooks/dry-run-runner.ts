/** A hook runner for `--dry-run`. */
import type { Log } from '../system/log.ts';
import { listHooks } from './discover.ts';
import type { HookRunner } from './runner.ts';

/** Logs the hooks that would run, and runs none, for `--dry-run`. */
export function dryRunRunner(log: Log): HookRunner {
  return {
    run({ action, interface: name, folders }) {
      for (const path of listHooks(folders).paths) {
        log.info(`would run hook ${path} ${name} ${action}`, { hook: path, interface: name, action });
      }
      return Promise.resolve([]);
    },
    stop: () => Promise.resolve(),
  };
}

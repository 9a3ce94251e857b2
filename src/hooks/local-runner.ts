/** Starts hooks as children of this process, the hook runner. */
import { setMaxListeners } from 'node:events';
import { closeSync } from 'node:fs';
import { closeInherited } from '../system/descriptors.ts';
import type { Log } from '../system/log.ts';
import { isRefusal, type Refusal } from '../system/trust.ts';
import { listHooks, openHook } from './discover.ts';
import { forScript } from './environment.ts';
import { execute } from './execute.ts';
import { resolveIdentity, type HookIdentity } from './identity.ts';
import type { HookReport, HookRequest, HookRunner } from './runner.ts';

/**
 * Runs hooks as children of this process and logs their output and the refusals. It closes inherited descriptors other
 * than the standard streams, because hooks would inherit them too.
 */
export function localRunner(log: Log): HookRunner {
  closeInherited();
  const stopping = new AbortController();
  // Each running script adds a listener, so Node's warning about a leak would be wrong.
  setMaxListeners(0, stopping.signal);
  const refusals = new RefusalLog(log);
  const running = new Set<Promise<unknown>>();
  return {
    async run(request) {
      const run = runAll(request, log, refusals, stopping.signal);
      running.add(run);
      try {
        return await run;
      } finally {
        running.delete(run);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.allSettled(running);
    },
  };
}

async function runAll(
  request: HookRequest,
  log: Log,
  refusals: RefusalLog,
  stop: AbortSignal,
): Promise<readonly HookReport[]> {
  const reports: HookReport[] = [];
  const listing = listHooks(request.folders);
  for (const folder of request.folders) {
    const refusal = listing.refusals.find(({ path }) => path === folder);
    refusals.note(folder, refusal ? `no hook in ${folder} is run: ${refusal.reason}` : null);
  }
  if (listing.paths.length === 0) return reports;
  const identity = resolveIdentity(request.user);
  refusals.note('hooks.user', typeof identity === 'string' ? `no hook is run: ${identity}` : null);
  if (typeof identity === 'string') return reports;
  for (const path of listing.paths) {
    if (stop.aborted) break;
    const report = await runOne(path, request, identity, log, stop);
    const refused = 'code' in report;
    refusals.note(path, refused && report.code === 'refused' ? `hook not run: ${report.reason}` : null);
    if (!refused) reports.push(report);
  }
  return reports;
}

async function runOne(
  path: string,
  request: HookRequest,
  identity: HookIdentity,
  log: Log,
  stop: AbortSignal,
): Promise<HookReport | Refusal> {
  // Opened as late as possible: the file may have been fixed, masked or removed while the previous hook ran.
  const file = openHook(path);
  if (isRefusal(file)) return file;
  const began = performance.now();
  const what = { hook: path, interface: request.interface, action: request.action };
  try {
    const { outcome, reason } = await execute({
      fd: file.fd,
      argv: [request.interface, request.action],
      environment: forScript(request.environment, path),
      identity,
      timeout: request.timeout,
      onLine: (line) => log.info(`${path} (${request.interface} ${request.action}): ${line}`, what),
      stop,
    });
    return { path, outcome, reason, milliseconds: Math.round(performance.now() - began) };
  } finally {
    closeSync(file.fd);
  }
}

/** Logs each refusal once, until its reason changes or it is gone. */
class RefusalLog {
  readonly #log: Log;
  readonly #messages = new Map<string, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `hook`: the path of a hook or folder, or `hooks.user`. `message`: null when it is no longer refused. */
  note(hook: string, message: string | null): void {
    if (this.#messages.get(hook) === (message ?? undefined)) return;
    if (message === null) {
      this.#messages.delete(hook);
      return;
    }
    this.#messages.set(hook, message);
    this.#log.warn(message, { hook });
  }
}

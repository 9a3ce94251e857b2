/** `multihomed run`: the daemon, in the foreground. */
import { run } from '../daemon/run.ts';
import type { LogTarget } from '../system/log.ts';
import { openLog } from '../system/logger.ts';
import { warningText } from '../messages/warning.ts';
import { configurationOrExit } from './configuration.ts';
import { namespacePath } from './netns.ts';
import { requireNetAdmin } from './privilege.ts';

export interface RunFlags {
  readonly config?: string;
  readonly log: LogTarget;
  readonly debug?: boolean;
  readonly dryRun?: boolean;
  readonly once?: boolean;
  readonly netns?: string;
}

/** Number of libuv's threads, which read files and send requests for which the kernel waits. */
const POOL_THREADS = '2';

export async function runCommand(flags: RunFlags): Promise<void> {
  process.env['UV_THREADPOOL_SIZE'] ??= POOL_THREADS;
  requireNetAdmin();
  const load = flags.config === undefined ? {} : { config: flags.config };
  const configuration = await configurationOrExit(load);
  const log = openLog(flags.log, { debug: flags.debug ?? false });
  for (const warning of configuration.warnings) log.warn(warningText(warning));
  await run({
    configuration,
    load,
    log,
    dryRun: flags.dryRun ?? false,
    once: flags.once ?? false,
    netns: flags.netns === undefined ? undefined : namespacePath(flags.netns),
    trace: flags.debug ?? false,
  });
}

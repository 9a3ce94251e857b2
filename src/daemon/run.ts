/** Runs the daemon from its start to its end. start.ts prepares it, assembly.ts connects its parts. */
import { nothingManaged } from '../messages/nothing.ts';
import { PAUSED } from '../messages/reason.ts';
import { configurationPlaces } from '../rules/files.ts';
import { systemClock } from '../system/clock.ts';
import { optimizeRarely } from '../system/compiler.ts';
import { notify, watchdogInterval } from '../system/notify.ts';
import { Assembly } from './assembly.ts';
import { UnfinishedError } from './error.ts';
import type { RunOptions } from './options.ts';
import type { Reloader } from './reloader.ts';
import { shutdownText, unfinished } from './shutdown-report.ts';
import { Signals } from './signals.ts';
import { openKernel, openRuntime, restore, startText, type DaemonKernel } from './start.ts';
import { watchPlaces } from './watch-files.ts';

/**
 * Runs until a signal ends it, or with `once` until nothing is left to do. Its objects stay in the kernel.
 * @throws HeldError, NoMptcpError, UnfinishedError, RuntimeFolderError, NetlinkError, SystemError
 */
export async function run(options: RunOptions): Promise<void> {
  const signals = new Signals();
  try {
    const kernel = await openKernel(options);
    try {
      await runOn(kernel, options, signals);
    } finally {
      kernel.close();
    }
  } finally {
    signals.release();
  }
}

async function runOn(kernel: DaemonKernel, options: RunOptions, signals: Signals): Promise<void> {
  const { log, once, dryRun } = options;
  const runtime = openRuntime(kernel, options);
  const daemon = new Assembly(options, kernel, runtime, await restore(runtime.journal, kernel, options));
  const end = Promise.race([signals.ended, daemon.failed]);
  // Keeps a rejection from counting as unhandled; the next wait for `end` gets it.
  end.catch(() => undefined);
  try {
    await daemon.open();
    await makeFirstPasses(daemon, options, end);
    if (!once) optimizeRarely();
    if (!signals.hasEnded) notify(`READY=1\nMAINPID=${process.pid}`);
    if (once) await Promise.race([daemon.hooks.idle(), end]);
    else await reloadUntil(end, daemon.reloader, options, signals);
  } finally {
    // Also after an error: otherwise open sockets and timers would keep the process alive.
    await daemon.close();
    if (dryRun) log.info('ended; nothing was changed');
    else if (!once) log.info(shutdownText(daemon.loop.view));
  }
  if (once && !dryRun) reportPass(daemon, options, signals);
}

/** Returns as soon as nothing is left to do, or at the end of the daemon. */
async function makeFirstPasses(
  { loop }: Assembly,
  options: RunOptions,
  end: Promise<unknown>,
): Promise<void> {
  const { log, configuration } = options;
  log.info(startText(options, configuration));
  if (loop.state.paused) log.warn(PAUSED);
  loop.wake([], [], 'reload');
  await Promise.race([loop.settled(), end]);
  // The configuration itself already warns if there are no rules at all.
  if (configuration.rules.length === 0 || !loop.view) return;
  const nothing = nothingManaged(loop.view.plan, loop.view.snapshot, configuration);
  if (nothing) log.warn(nothing);
}

/** Reloads at SIGHUP and when a file of the configuration changes, and feeds the watchdog, until `end` settles. */
async function reloadUntil(
  end: Promise<unknown>,
  reloader: Reloader,
  { load }: RunOptions,
  signals: Signals,
): Promise<void> {
  signals.onReload(() => {
    notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    reloader
      .reload()
      // The error is already in the log and in `status`.
      .catch(() => undefined)
      .finally(() => notify('READY=1'));
  });
  const interval = watchdogInterval();
  const watchdog = interval === null ? null : setInterval(() => notify('WATCHDOG=1'), interval);
  const changed = (): void => void reloader.filesChanged();
  const unwatch = watchPlaces(configurationPlaces(load), systemClock, changed);
  // Files may have changed between the start and the watch.
  changed();
  try {
    await end;
  } finally {
    unwatch();
    if (watchdog) clearInterval(watchdog);
  }
}

/** With `once`. @throws UnfinishedError something is left to do */
function reportPass({ loop, reloader }: Assembly, { log }: RunOptions, { hasEnded }: Signals): void {
  const left = hasEnded ? ['ended by a signal'] : unfinished(loop.view, reloader.configuration);
  if (left.length > 0) throw new UnfinishedError(`not everything was done: ${left.join('; ')}`);
  log.info('everything is done; ended, because of --once');
}

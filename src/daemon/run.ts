/** The daemon: assembles its parts, and ends without removing anything. */
import { Journal, type JournalIdentity } from '../actions/journal.ts';
import { serve, type ControlServer } from '../control/server.ts';
import { listen } from '../events/listener.ts';
import { HookDispatcher } from '../hooks/dispatcher.ts';
import { localRunner } from '../hooks/local-runner.ts';
import { dryRunRunner } from '../hooks/dry-run-runner.ts';
import { isHookRecord, EMPTY_HOOK_RECORD } from '../hooks/record.ts';
import { type State } from '../actions/state.ts';
import { nothingManaged } from '../messages/nothing.ts';
import { configurationPlaces } from '../rules/files.ts';
import type { LoadOptions } from '../rules/load.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { systemClock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { notify, watchdogInterval } from '../system/notify.ts';
import { makeRuntimeFolder } from '../system/runtime.ts';
import { bootId } from '../system/boot.ts';
import { ControlAnswers } from './control-answers.ts';
import { deferred } from './deferred.ts';
import { UnfinishedError } from './error.ts';
import { ALL_PARTS } from '../snapshot/snapshot.ts';
import { checkEnabled, openSession, probeLimits } from '../netlink/session.ts';
import { watchPaths } from './path-watch.ts';
import { statusWords } from './service-status.ts';
import { shutdownText, unfinished } from './shutdown-report.ts';
import { removeLeftovers } from './leftovers.ts';
import { followedLinks } from './followed-links.ts';
import { Loop } from './loop.ts';
import { HostProblems } from './host-problems.ts';
import { Reloader } from './reloader.ts';
import { RuntimeKeeper } from './runtime-keeper.ts';
import { Signals } from './signals.ts';
import { lockOrEnd, pauseAtStart, startText } from './start.ts';
import { watchPlaces } from './watch-files.ts';
import { lookupRequests } from '../plan/lookup-requests.ts';
import { PAUSED } from '../messages/reason.ts';

export interface RunOptions {
  readonly configuration: Configuration;
  readonly load: LoadOptions;
  readonly log: Log;
  readonly dryRun: boolean;
  readonly once: boolean;
  /** Path of a namespace file; undefined: the caller's namespace. */
  readonly netns: string | undefined;
  readonly trace: boolean;
}

/**
 * Runs until a signal ends it, or with `once` until nothing is left to do.
 * @throws HeldError, NoMptcpError, UnfinishedError, NetlinkError, SystemError
 */
export async function run(options: RunOptions): Promise<void> {
  const signals = new Signals();
  try {
    await manage(options, signals);
  } finally {
    signals.release();
  }
}

async function manage(options: RunOptions, signals: Signals): Promise<void> {
  const { log, netns } = options;
  const clock = systemClock;
  checkEnabled(netns);
  const trace = options.trace ? (await import('../netlink/trace/log.ts')).traceTo(log) : undefined;
  const kernel = await openSession({ clock, netns, trace });
  const limitMax = await probeLimits(kernel);
  const folder = makeRuntimeFolder(kernel.namespace);
  const keeper = options.dryRun
    ? null
    : new RuntimeKeeper(
        {
          namespace: kernel.namespace,
          log,
          clock,
          persist: () => loop.recordNotified(),
        },
        lockOrEnd(folder, kernel, netns),
      );
  const problems = new HostProblems({ log, clock, netns, limitMax });
  const identity: JournalIdentity = { boot: bootId(), namespace: kernel.namespace };
  const journal = new Journal(folder.journal, identity, keeper?.check);
  const record = journal.read();
  const notified = isHookRecord(record.notified) ? record.notified : EMPTY_HOOK_RECORD;
  const reader = new SnapshotReader({
    ...kernel,
    sysfs: '/sys',
    requests: (base) => lookupRequests(base, reloader.configuration.rules),
  });
  const runner = options.dryRun ? dryRunRunner(log) : localRunner(log);
  const hooks = new HookDispatcher({
    runner,
    settings: options.configuration.hooks,
    log,
    record: notified,
    onRecord: (now) => loop.recordNotified(now),
  });
  const state: State = {
    ...record.state,
    limitMax,
    paused: await pauseAtStart(record.state.paused, options),
  };
  let control: ControlServer | null = null;
  const loop: Loop = new Loop(
    {
      kernel,
      reader,
      clock,
      log,
      journal,
      hooks,
      connections: () => openConnections(netns),
      health: () => paths.health,
      dryRun: options.dryRun,
      state,
      notified,
      onReload: ({ health }) => paths.reload(health),
      onPass: (view) => {
        paths.follow(view.plan);
        events.follow(followedLinks(view));
        notify(`STATUS=${statusWords(view)}`);
        problems.look(reloader.configuration.limits);
        control?.publish(answers.status);
      },
    },
    options.configuration,
  );
  const { health: settings } = options.configuration;
  const onChange = (): void => loop.wake([]);
  const paths = watchPaths({ ...kernel, ...options, clock, trace, settings, onChange });
  const failed = deferred();
  const events = listen({
    netns,
    trace,
    own: new Set([kernel.route.socket.portId]),
    onStale: (parts, touched) => loop.wake(parts, touched),
    onEvent: (kind) => loop.counters.event(kind),
    onOverrun: () => {
      loop.wake(ALL_PARTS, null, 'overrun');
      log.debug(`events were lost (${loop.counters.overruns} times so far): everything is read again`);
    },
    onError: (error) => failed.reject(error),
  });
  const reloader = new Reloader({
    load: options.load,
    log,
    loop,
    configuration: options.configuration,
    onRead: () => control?.publish(answers.status),
  });
  const answers = new ControlAnswers({ ...options, loop, reloader, paths, problems });
  try {
    if (keeper) {
      control = await serve(folder.socket, answers.verbs, log);
      keeper.watch(control);
    }
    if (!options.dryRun) removeLeftovers(kernel.namespace, identity.boot, log);
    log.info(startText(options, options.configuration));
    if (state.paused) log.warn(PAUSED);
    loop.wake([], [], 'reload');
    await Promise.race([loop.settled(), signals.ended, failed.promise]);
    // The configuration itself already warns if there are no rules at all.
    const nothing =
      options.configuration.rules.length > 0 &&
      loop.view &&
      nothingManaged(loop.view.plan, loop.view.snapshot, options.configuration);
    if (nothing) log.warn(nothing);
    if (!signals.hasEnded) notify(`READY=1\nMAINPID=${process.pid}`);
    if (!options.once) await untilEnd(failed.promise, signals, options, reloader);
    else await Promise.race([hooks.idle(), signals.ended, failed.promise]);
  } finally {
    // Whatever the reason for the end, nothing may keep the process alive.
    keeper?.stop();
    paths.close();
    await end({ control, events, loop, kernel });
    if (options.dryRun) log.info('ended; nothing was changed');
    else if (!options.once) log.info(shutdownText(loop.view));
  }
  if (!options.once || options.dryRun) return;
  const left = signals.hasEnded ? ['ended by a signal'] : unfinished(loop.view, reloader.configuration);
  if (left.length > 0) throw new UnfinishedError(`not everything was done: ${left.join('; ')}`);
  log.info('one pass made');
}

async function untilEnd(
  failed: Promise<never>,
  signals: Signals,
  options: RunOptions,
  reloader: Reloader,
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
  const unwatch = watchPlaces(configurationPlaces(options.load), systemClock, changed);
  // Files may have changed between the start and the watch.
  changed();
  try {
    await Promise.race([signals.ended, failed]);
  } finally {
    unwatch();
    if (watchdog) clearInterval(watchdog);
  }
}

async function end(parts: {
  control: ControlServer | null;
  events: { close(): void };
  loop: Loop;
  kernel: { close(): void };
}): Promise<void> {
  notify('STOPPING=1');
  parts.events.close();
  await parts.control?.close();
  await parts.loop.stop();
  parts.kernel.close();
}

/** The daemon: puts the parts together, and ends without taking anything down. */
import { dirname, resolve } from 'node:path';
import { Journal, type Identity } from '../actions/journal.ts';
import { statusDocument } from '../control/document.ts';
import { serve, type ControlServer, type Verb } from '../control/server.ts';
import { listen } from '../events/listener.ts';
import { HookDispatcher } from '../hooks/dispatcher.ts';
import { localRunner } from '../hooks/local.ts';
import { rehearsingRunner } from '../hooks/rehearse.ts';
import { isToldRecord, nobodyTold } from '../hooks/told-record.ts';
import { explain } from '../plan/explain.ts';
import type { Memory } from '../plan/memory.ts';
import { questions } from '../plan/select.ts';
import { isValid, loadConfiguration, type LoadOptions } from '../rules/load.ts';
import { formatProblem } from '../rules/problem.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { systemClock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { notify, watchdogInterval } from '../system/notify.ts';
import { lockRuntime, makeRuntimeFolder } from '../system/runtime.ts';
import { bootId } from '../system/boot.ts';
import { checkEnabled, connectKernel, probeLimits } from './kernel.ts';
import { lastWords, RESTING, unfinished } from './last-words.ts';
import { Loop } from './loop.ts';
import type { View } from './parts.ts';
import { Problems } from './problems.ts';
import { Signals } from './signals.ts';
import { watchFolders } from './watch.ts';

export interface RunOptions {
  readonly configuration: Configuration;
  readonly load: LoadOptions;
  readonly log: Log;
  readonly dryRun: boolean;
  readonly once: boolean;
  /** Path of the namespace's file. */
  readonly netns: string | undefined;
  readonly trace: boolean;
}

/** Another daemon holds this namespace: exit code 75. */
export class HeldError extends Error {
  override readonly name = 'HeldError';
}

/** What `--once` could not do: exit code 2. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}

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
  const trace = options.trace ? traceTo(log) : undefined;
  const kernel = await connectKernel({ clock, netns, trace });
  const limitMax = await probeLimits(kernel);
  const folder = makeRuntimeFolder(kernel.namespace);
  if (!options.dryRun) {
    const lock = lockRuntime(folder, netns);
    if (!lock.held) {
      kernel.close();
      const who = `another multihomed (pid ${lock.holder ?? 'unknown'}${lock.elsewhere ? ' where it runs' : ''})`;
      throw new HeldError(
        `${who} manages this network namespace${lock.elsewhere ? ', with another /run than ours' : ''}`,
      );
    }
  }
  const problems = new Problems({ log, clock, netns, limitMax });
  const identity: Identity = { boot: bootId(), namespace: kernel.namespace };
  const journal = new Journal(folder.journal, identity);
  const record = journal.read();
  const told = isToldRecord(record.told) ? record.told : nobodyTold;
  let configuration = options.configuration;
  const reader = new SnapshotReader({
    ...kernel,
    sysfs: '/sys',
    questions: (base) => questions(base, configuration.rules),
  });
  const runner = options.dryRun ? rehearsingRunner(log) : localRunner(log);
  const hooks = new HookDispatcher({
    runner,
    settings: configuration.hooks,
    log,
    told,
    onTold: (now) => loop.told(now),
  });
  let overruns = 0;
  const memory: Memory = { ...record.memory, limitMax };
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
      dryRun: options.dryRun,
      memory,
      told,
      onPass: () => {
        problems.look(configuration.limits);
        control?.publish(status);
      },
    },
    configuration,
  );
  const failed = deferred();
  const events = listen({
    netns,
    own: new Set([kernel.route.socket.portId]),
    onStale: (parts, touched) => loop.wake(parts, touched),
    onOverrun: () => log.debug(`events were lost (${++overruns} times so far): everything is read again`),
    onError: (error) => failed.reject(error),
  });
  const seen = (): View => {
    if (!loop.view) throw new Error('the first look at the kernel is not over yet');
    return loop.view;
  };
  const status = (): object => {
    const { resting } = seen().memory;
    const config = options.load.config === undefined ? null : resolve(options.load.config);
    const daemon = { pid: process.pid, resting, dryRun: options.dryRun, overruns, config };
    return statusDocument(seen(), daemon, problems.look(configuration.limits));
  };
  const readAnew = async (always: boolean): Promise<string> => {
    const loaded = await loadConfiguration(options.load);
    if (!isValid(loaded)) {
      log.error('the configuration has errors, the one before stays in force:');
      for (const problem of loaded.errors) log.error(formatProblem(problem));
      throw new Error(loaded.errors.map(formatProblem).join('\n'));
    }
    if (!always && sameConfiguration(loaded, configuration)) return 'unchanged';
    for (const warning of loaded.warnings) log.warn(warning);
    configuration = loaded;
    loop.reload(loaded);
    log.info(`configuration read anew: ${rulesText(loaded)}`);
    return rulesText(loaded);
  };
  let reading: Promise<unknown> = Promise.resolve();
  /** One after the other: what was read later is not to lose to what took longer. */
  const reload = (always: boolean): Promise<string> => {
    const next = reading.then(() => readAnew(always));
    reading = next.catch(() => undefined);
    return next;
  };
  const flush = async (): Promise<string[]> => {
    const done = await loop.flush();
    log.info(`flushed: ${done.length} objects removed; resting until the configuration is read anew`);
    return done;
  };
  const verbs: Record<string, Verb> = {
    status: { change: false, answer: () => loop.refresh().then(status) },
    watch: {
      change: false,
      answer: () => {
        void loop.refresh();
        return status();
      },
      watch: true,
    },
    explain: {
      change: false,
      answer: async ({ interface: name }) => {
        await loop.refresh();
        const { plan, snapshot, memory } = seen();
        return explain(String(name), plan, snapshot, configuration, memory);
      },
    },
    flush: { change: true, answer: flush },
    reload: { change: true, answer: () => reload(true) },
  };
  try {
    if (!options.dryRun) control = await serve(folder.socket, verbs, log);
    log.info(startText(options, configuration));
    if (memory.resting) log.warn(RESTING);
    loop.wake([]);
    await Promise.race([loop.settled(), signals.ended, failed.promise]);
    if (!signals.hasEnded) notify(`READY=1\nMAINPID=${process.pid}`);
    if (!options.once) await untilEnd(failed.promise, signals, options, reload);
    else await Promise.race([hooks.idle(), signals.ended, failed.promise]);
  } finally {
    // However it ends, nothing keeps the process from ending.
    await end({ control, events, loop, kernel });
    if (options.dryRun) log.info('ended; nothing was changed');
    else if (!options.once) log.info(lastWords(loop.view));
  }
  if (!options.once || options.dryRun) return;
  const left = signals.hasEnded ? ['ended by a signal'] : unfinished(loop.view, configuration);
  if (left.length > 0) throw new UnfinishedError(`not everything was done: ${left.join('; ')}`);
  log.info('one pass made');
}

function startText({ once, dryRun }: RunOptions, { rules, files }: Configuration): string {
  const how = dryRun ? 'watching without changing anything' : once ? 'making one pass' : 'started';
  return `${how}, ${rulesText({ rules })} from ${files.join(', ') || 'no file'}`;
}

const rulesText = ({ rules }: { readonly rules: readonly unknown[] }): string =>
  `${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}`;

async function untilEnd(
  failed: Promise<never>,
  signals: Signals,
  options: RunOptions,
  reload: (always: boolean) => Promise<unknown>,
): Promise<void> {
  signals.onReload(() => {
    notify(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
    reload(true)
      // What was wrong is in the log already.
      .catch(() => undefined)
      .finally(() => notify('READY=1'));
  });
  const interval = watchdogInterval();
  const watchdog = interval === null ? null : setInterval(() => notify('WATCHDOG=1'), interval);
  const unwatch = watchFolders(folders(options.load), systemClock, () => {
    reload(false).catch(() => undefined);
  });
  try {
    await Promise.race([signals.ended, failed]);
  } finally {
    unwatch();
    if (watchdog) clearInterval(watchdog);
  }
}

function folders({ config, etc = '/etc/multihomed', usr = '/usr/lib/multihomed' }: LoadOptions): string[] {
  return config === undefined ? [etc, `${etc}/rules.d`, `${usr}/rules.d`] : [dirname(resolve(config))];
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

function sameConfiguration(one: Configuration, other: Configuration): boolean {
  // Infinity and null would be one to JSON.
  const text = (configuration: Configuration): string =>
    JSON.stringify(configuration, (_, value: unknown) => (value === Infinity ? 'all' : value));
  return text(one) === text(other);
}

const traceTo =
  (log: Log) =>
  (direction: 'sent' | 'received', message: { type: number; payload: Buffer }, operation: string): void =>
    log.debug(`netlink ${direction}: ${operation} (type ${message.type}, ${message.payload.length} bytes)`);

function deferred(): { promise: Promise<never>; resolve: () => void; reject: (error: Error) => void } {
  let resolve!: (value: never) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((yes, no) => ([resolve, reject] = [yes, no]));
  promise.catch(() => undefined);
  return { promise, resolve: resolve as () => void, reject };
}

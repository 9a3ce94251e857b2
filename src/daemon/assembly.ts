/** Connects the daemon's parts. Each part owns its state; this file only defines which part calls which. */
import { serve, type ControlServer } from '../control/server.ts';
import { listen, type EventSocket } from '../events/listener.ts';
import { connectRunner } from '../hooks/connect-runner.ts';
import { HookDispatcher } from '../hooks/dispatcher.ts';
import { dryRunRunner } from '../hooks/dry-run-runner.ts';
import { remoteRunner } from '../hooks/remote-runner.ts';
import { lookupRequests } from '../plan/lookup-requests.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { ALL_PARTS } from '../snapshot/snapshot.ts';
import { systemClock } from '../system/clock.ts';
import { notify } from '../system/notify.ts';
import { ControlAnswers } from './control-answers.ts';
import { deferred } from './deferred.ts';
import { followedLinks } from './followed-links.ts';
import { HostProblems } from './host-problems.ts';
import { removeLeftovers } from './leftovers.ts';
import { Loop } from './loop.ts';
import type { RunOptions } from './options.ts';
import type { PassResult } from './parts.ts';
import { watchPaths, type PathWatch } from './path-watch.ts';
import { Reloader } from './reloader.ts';
import { statusText } from './service-status.ts';
import type { DaemonKernel, DaemonRuntime, Restored } from './start.ts';

export class Assembly {
  readonly loop: Loop;
  readonly reloader: Reloader;
  readonly hooks: HookDispatcher;
  /** Rejects when the event socket fails; never resolves. */
  readonly failed: Promise<never>;
  readonly #options: RunOptions;
  readonly #kernel: DaemonKernel;
  readonly #runtime: DaemonRuntime;
  readonly #problems: HostProblems;
  readonly #paths: PathWatch;
  readonly #events: EventSocket;
  readonly #answers: ControlAnswers;
  /** null: a dry run, or not opened yet. */
  #control: ControlServer | null = null;

  /**
   * Opens the event sockets. The loop makes no pass before it is woken.
   * @throws SystemError
   */
  constructor(options: RunOptions, kernel: DaemonKernel, runtime: DaemonRuntime, restored: Restored) {
    [this.#options, this.#kernel, this.#runtime] = [options, kernel, runtime];
    const { configuration, log, netns, dryRun } = options;
    const { trace, limitMax } = kernel;
    this.#problems = new HostProblems({ log, clock: systemClock, netns, limitMax });
    this.hooks = new HookDispatcher({
      runner: dryRun ? dryRunRunner(log) : remoteRunner(log, connectRunner),
      settings: configuration.hooks,
      log,
      record: restored.notified,
      onRecord: (notified) => this.loop.recordNotified(notified),
    });
    this.loop = this.#makeLoop(restored);
    this.#paths = watchPaths({
      ...{ mptcp: kernel.mptcp, netns, clock: systemClock, log, trace, dryRun },
      settings: configuration.health,
      onChange: () => this.loop.wake([]),
    });
    const { promise, reject } = deferred();
    this.failed = promise;
    this.#events = this.#listen(reject);
    this.reloader = new Reloader({
      ...{ load: options.load, log, loop: this.loop, configuration },
      onRead: () => this.#publish(),
    });
    this.#answers = new ControlAnswers({
      ...{ load: options.load, dryRun, loop: this.loop, reloader: this.reloader },
      ...{ paths: this.#paths, problems: this.#problems, route: kernel.route },
    });
  }

  /**
   * Listens on the control socket, and removes runtime folders that are no longer used. A dry run does neither.
   * @throws the error of node:net or node:fs
   */
  async open(): Promise<void> {
    const { keeper, folder, identity } = this.#runtime;
    if (!keeper) return;
    const { log } = this.#options;
    this.#control = await serve(folder.socket, this.#answers.verbs, log);
    keeper.watch(this.#control, () => this.loop.recordNotified());
    removeLeftovers(identity.namespace, identity.boot, log);
  }

  /** Ends all parts. Everything that is owned stays in place; the kernel stays open. */
  async close(): Promise<void> {
    this.#runtime.keeper?.stop();
    this.#paths.close();
    notify('STOPPING=1');
    this.#events.close();
    await this.#control?.close();
    await this.loop.stop();
  }

  #makeLoop(restored: Restored): Loop {
    const { configuration, log, netns, dryRun } = this.#options;
    const reader = new SnapshotReader({
      ...this.#kernel,
      sysfs: '/sys',
      requests: (base) => lookupRequests(base, this.reloader.configuration.rules),
    });
    return new Loop(
      {
        ...{ kernel: this.#kernel, reader, clock: systemClock, log, hooks: this.hooks, dryRun },
        ...{ journal: this.#runtime.journal, ...restored },
        connections: () => openConnections(netns),
        health: () => this.#paths.health,
        onReload: ({ health }) => this.#paths.reload(health),
        onPass: (view) => this.#onPass(view),
      },
      configuration,
    );
  }

  #listen(onError: (error: Error) => void): EventSocket {
    const { log, netns } = this.#options;
    const { route, trace } = this.#kernel;
    return listen({
      ...{ netns, trace, onError },
      own: new Set([route.socket.portId]),
      onStale: (parts, touched, dirty) => this.loop.wake(parts, touched, 'event', dirty),
      onEvent: (kind) => this.loop.counters.event(kind),
      onOverrun: () => {
        this.loop.wake(ALL_PARTS, null, 'overrun');
        const { overruns } = this.loop.counters;
        log.debug(`events were lost (${overruns} times so far): everything is read again`);
      },
    });
  }

  #onPass(view: PassResult): void {
    this.#paths.follow(view.plan);
    this.#events.follow(followedLinks(view));
    notify(`STATUS=${statusText(view)}`);
    this.#problems.check(this.reloader.configuration.limits);
    this.#publish();
  }

  /** Sends the status to watchers. */
  #publish(): void {
    this.#control?.publish(this.#answers.status);
  }
}

/** A host for one history: the model kernel and a daemon, with its clock, its journal and its hooks. */
import { mkdtempSync, rmSync } from 'node:fs';
import { Journal } from '../../src/actions/journal.ts';
import type { KernelSession } from '../../src/netlink/session.ts';
import { Loop } from '../../src/daemon/loop.ts';
import { dirtyAfter, staleAfter, touchedBy } from '../../src/events/wake.ts';
import { HookDispatcher } from '../../src/hooks/dispatcher.ts';
import { EMPTY_HOOK_RECORD, type HookRecord } from '../../src/hooks/record.ts';
import type { Message } from '../../src/netlink/message.ts';
import type { Limits } from '../../src/netlink/mptcp/limits.ts';
import type { Configuration } from '../../src/rules/rule.ts';
import { differences } from '../../src/snapshot/kept-lookup.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { ALL_PARTS } from '../../src/snapshot/snapshot.ts';
import { TestClock } from './clock.ts';
import { RecordingHooks } from './recording-hooks.ts';
import { Prng } from './prng.ts';
import { leavesByItsLink, wantedUplinks } from './expected.ts';
import { ModelKernel, MPTCP_FAMILY } from './kernel.ts';
import { ModelRequester } from './requester.ts';
import { SLOTS } from './endpoints.ts';
import type { ModelEndpoint } from './state.ts';
import { lookupRequests } from '../../src/plan/lookup-requests.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const noop = (): void => undefined;

interface Daemon {
  readonly loop: Loop;
  readonly requester: ModelRequester;
  readonly clock: TestClock;
  readonly onEvent: (event: Message) => void;
}

export class Host {
  readonly kernel = new ModelKernel();
  readonly recordingHooks = new RecordingHooks();
  readonly warnings: string[] = [];
  configuration: Configuration;
  paused = false;
  /** The local addresses of the subflows of each open connection. */
  connections: string[][] = [];
  /** While true, the daemon loses all events. */
  losesEvents = false;
  crashes = 0;
  random = new Prng(0);
  /** The host changed since the daemon began its last pass. */
  changed = false;
  /** Events that have not been delivered yet. */
  #undelivered: (() => void)[] = [];
  /** Actions to run after a number of further requests of the daemon, one after the other. */
  readonly #races: { left: number; run: () => void }[] = [];
  readonly #midways: (() => void)[] = [];
  readonly #folder = mkdtempSync('/dev/shm/multihomed-model-');
  #daemon: Daemon | null = null;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
  }

  get daemon(): Daemon {
    if (!this.#daemon) throw new Error('no daemon runs');
    return this.#daemon;
  }

  start(): void {
    const { configuration, kernel } = this;
    const requester = new ModelRequester(kernel, 'daemon', this.random);
    const clock = new TestClock();
    clock.onMove = (by) => {
      if (kernel.advance(by)) this.changed = true;
    };
    const connections = {
      route: requester,
      generic: requester,
      mptcp: { id: MPTCP_FAMILY, groups: new Map() },
      namespace: '1',
      close: noop,
    };
    const journal = this.#journal();
    const write = journal.write.bind(journal);
    journal.write = (state, notified) => {
      if (!requester.dead) write(state, notified);
    };
    const record = journal.read();
    const notified = (record.notified as HookRecord | null) ?? EMPTY_HOOK_RECORD;
    const reader = this.#reader(requester, clock);
    const log = {
      debug: noop,
      info: noop,
      warn: (text: string) => void this.warnings.push(text),
      error: (text: string) => void this.warnings.push(text),
    };
    const hooks = new HookDispatcher({
      runner: this.recordingHooks.runner(clock, () => requester.dead),
      settings: configuration.hooks,
      log,
      record: notified,
      onRecord: (now) => loop.recordNotified(now),
    });
    const loop: Loop = new Loop(
      {
        kernel: connections as unknown as KernelSession,
        reader,
        clock,
        log,
        journal,
        hooks,
        connections: () => Promise.resolve({ connections: this.connections, boundSockets: [] }),
        dryRun: false,
        state: { ...record.state, limitMax: SLOTS },
        notified,
        onPass: () => (this.changed = false),
      },
      configuration,
    );
    requester.before = () => {
      if (this.#undelivered.length > 0 && this.random.below(4) === 0) this.#deliver();
      this.#race();
    };
    requester.midway = () => this.#midways.shift()?.();
    const onEvent = (event: Message): void => {
      if (ModelKernel.isOwn(event) || !passes(event)) return;
      if (this.losesEvents) return kernel.state.countPeculiarity('event lost');
      const ifindex = touchedBy(event);
      const wake = (): void =>
        loop.wake(staleAfter(event), ifindex === null ? [] : [ifindex], 'event', dirtyAfter(event));
      if (this.random.below(3) === 0) return wake();
      kernel.state.countPeculiarity('event late');
      this.#undelivered.push(wake);
    };
    kernel.beforeEndpoint = (address, ifindex) => this.#endpointFault(address, ifindex);
    kernel.listeners.add(onEvent);
    this.#daemon = { loop, requester, clock, onEvent };
    this.paused = record.state.paused !== null;
    loop.wake([]);
  }

  #reader(requester: ModelRequester, clock: TestClock): SnapshotReader {
    return new SnapshotReader({
      ...{ route: requester, generic: requester, mptcp: { id: MPTCP_FAMILY, groups: new Map() } },
      ...{ sysfs: '/nonexistent', clock },
      requests: (base) => lookupRequests(base, this.configuration.rules),
    });
  }

  /** Returns the differences between the daemon's last snapshot, of which parts were kept, and a complete new one. */
  async differences(): Promise<string[]> {
    const { loop, clock } = this.daemon;
    const reader = this.#reader(new ModelRequester(this.kernel, 'other'), clock);
    const whole = await reader.read(new Set(ALL_PARTS));
    return differences(loop.view!.snapshot, whole).map((each) => `kept too long: ${each}`);
  }

  #journal(): Journal {
    return new Journal(`${this.#folder}/journal`, { boot: 'b', namespace: '1' });
  }

  /** Whether the endpoint looks like one in the journal that another program deleted meanwhile. */
  isAsWritten({ id, address, ifindex, flags }: ModelEndpoint): boolean {
    const changes = this.kernel.done.filter((each) => /^endpoint (?:add|delete) /.test(each));
    if (changes.findLast((each) => each.split(' ')[2] === address)?.startsWith('endpoint delete'))
      return false;
    const written = this.#journal().read().state.owned.get(id);
    const fixed = 1 | 2;
    return (
      written?.address === address && written.ifindex === ifindex && ((written.flags ^ flags) & fixed) === 0
    );
  }

  /** Whether the journal has the limit as raised. */
  isRaised(limit: keyof Limits): boolean {
    return this.#journal().read().state.raised[limit] !== undefined;
  }

  /** Ends the daemon as SIGKILL does: it sends no further request. */
  #endDaemon(): void {
    const { requester, clock, onEvent } = this.daemon;
    requester.dead = true;
    clock.clear();
    this.kernel.listeners.delete(onEvent);
    this.#undelivered = [];
    this.recordingHooks.cut();
  }

  /** Delivers one of the pending events, at random. */
  #deliver(): void {
    const at = this.random.below(this.#undelivered.length);
    if (at > 0) this.kernel.state.countPeculiarity('events in another order');
    // The event is delivered, and no pass has handled it yet.
    this.changed = true;
    this.#undelivered.splice(at, 1)[0]?.();
  }

  /**
   * The kernel never retries a path, so its routes must be in place before the endpoint is added. Returns what is
   * wrong.
   */
  #endpointFault(address: string, ifindex: number): string | null {
    const { state } = this.kernel;
    const wanted = wantedUplinks(this, [{ address, ifindex }]).find(
      (each) => each.address.address === address && each.link.index === ifindex,
    );
    if (wanted && leavesByItsLink(state, wanted)) return null;
    state.countPeculiarity('path failed permanently');
    if (this.changed || this.losesEvents || this.#undelivered.length > 0) return null;
    return `endpoint ${address} dev ${ifindex} was added before its routes`;
  }

  kill(): void {
    this.#endDaemon();
    this.crashes++;
    this.start();
  }

  async restart(): Promise<void> {
    const { loop } = this.daemon;
    const stopped = loop.stop();
    this.recordingHooks.stop();
    await turn();
    await stopped;
    this.#endDaemon();
    this.start();
  }

  race(requests: number, run: () => void): void {
    this.#races.push({ left: requests, run });
  }

  midway(run: () => void): void {
    this.#midways.push(run);
  }

  #race(): void {
    const [first] = this.#races;
    if (!first || first.left-- > 0) return;
    this.#races.shift();
    first.run();
  }

  /** Ends the loss of events and reports the overrun, as the listener does. */
  overrun(): void {
    if (!this.losesEvents) return;
    this.losesEvents = false;
    this.kernel.state.countPeculiarity('overrun');
    this.daemon.loop.wake(ALL_PARTS, null);
  }

  /** Runs until nothing changes without further time; timers of at most 250 ms do not count. */
  async settle(): Promise<void> {
    for (let i = 0; i < 300; i++) {
      await turn();
      if (this.daemon.requester.dead) {
        this.kill();
        continue;
      }
      const waiting = this.#races.shift()?.run ?? this.#midways.shift();
      if (waiting) waiting();
      else if (this.#undelivered.length > 0) this.#deliver();
      else if ((this.daemon.clock.next ?? 1000) <= 250) this.daemon.clock.step(250);
      else return;
    }
    throw new Error('the daemon never settles');
  }

  async pass(milliseconds: number): Promise<void> {
    await this.settle();
    for (let left = milliseconds; left > 0;) {
      const went = this.daemon.clock.step(left);
      left -= Math.max(1, went);
      await this.settle();
    }
  }

  end(): void {
    this.#endDaemon();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * The filter on the event socket. Of route events, only these pass: defaults and halves of them, and routes with the
 * protocol of multihomed, boot or static.
 */
function passes({ type, payload }: Message): boolean {
  const [length, protocol] = [payload.readUInt8(1), payload.readUInt8(5)];
  return (type !== 24 && type !== 25) || length <= 1 || [86, 3, 4].includes(protocol);
}

/** The scenario: a stream that continues while uplinks are added and removed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ScenarioError, type EventLog } from './event-log.ts';
import type { Subprocess } from './subprocess.ts';
import { Daemon } from './daemon.ts';
import { Receiver } from './receiver.ts';
import { toTenths, type LinkCounters, type SceneName } from './fact.ts';
import type { Network } from './network.ts';
import { ETHERNET, MODEM, BYTES_PER_SECOND, type Access } from './topology.ts';
import { longestStall, stallsIn, type Arrival } from './stall.ts';
import type { KernelMonitor } from './kernel-monitor.ts';

export interface ScenarioParts {
  readonly events: EventLog;
  readonly network: Network;
  readonly monitor: KernelMonitor;
  readonly internet: Subprocess;
  readonly main: string;
}

/** Milliseconds between two samples, and between two requests for the status. */
const SAMPLE_MS = 200;
const STATUS_MS = 1000;
/** Milliseconds after the last event of a scene in which its stall may still begin. */
const STALL_BEGIN_MS = 1000;
/** Milliseconds; long, because TCP sends again at growing intervals. */
const CARRIES_TIMEOUT_MS = 30_000;
/** Milliseconds that a DHCP server typically takes to answer. */
const DHCP_MS = 800;

/** Resolves at the end of the scenario; rejects when an expected event does not occur. */
export async function runScenario(parts: ScenarioParts): Promise<void> {
  const broken = new AbortController();
  const failed = new Promise<never>((_, reject) => {
    broken.signal.addEventListener('abort', () => reject(broken.signal.reason as Error));
  });
  await Promise.race([failed, new Scenario(parts, (error) => broken.abort(error)).run()]);
}

class Scenario {
  readonly #parts: ScenarioParts;
  readonly #fail: (error: Error) => void;
  #receiver: Receiver | null = null;
  #links: Record<string, LinkCounters> = {};

  constructor(parts: ScenarioParts, fail: (error: Error) => void) {
    this.#parts = parts;
    this.#fail = fail;
  }

  async run(): Promise<void> {
    const { events, network, internet, main } = this.#parts;
    const daemon = await Daemon.start(events, main, (text) => this.#fail(new ScenarioError(text)));
    setInterval(() => daemon.poll(), STATUS_MS);

    let from = this.#scene('ethernet', 'A laptop on Ethernet');
    await network.wire(ETHERNET);
    await network.up(ETHERNET);
    await network.lease(ETHERNET);
    await this.#active(ETHERNET, from);

    from = this.#scene('stream', 'A stream of 16 Mbit/s begins');
    internet.send('the address is configured');
    await internet.receive('listening');
    this.#receiver = await Receiver.start(() => events.now());
    this.#receiver.done.catch(this.#fail);
    setInterval(() => void this.#sample().catch(this.#fail), SAMPLE_MS);
    await this.#measureStall('stream', ETHERNET, from, 1500);

    from = this.#scene('modem', 'A USB modem is plugged in');
    await network.wire(MODEM);
    await network.up(MODEM);
    await events.until('link', this.#is(MODEM, 'carrier'), { from, what: 'the carrier of wwan0' });
    await sleep(DHCP_MS);
    await network.lease(MODEM);
    const route = await events.until('route', (fact) => fact.interface === MODEM.interface, {
      from,
      what: 'the default route by wwan0',
    });
    await this.#joined('modem', MODEM, route.at);
    await this.#measureStall('modem', ETHERNET, from, 2000);

    from = this.#scene('pulled', 'The Ethernet cable is pulled');
    await network.pull(ETHERNET);
    await events.until('link', this.#is(ETHERNET, 'no carrier'), { from, what: 'the end of the carrier' });
    await this.#measureStall('pulled', MODEM, from, 2000);

    from = this.#scene('back', 'The cable comes back');
    await network.plug(ETHERNET);
    const carrier = await events.until('link', this.#is(ETHERNET, 'carrier'), { from, what: 'a carrier' });
    await this.#joined('back', ETHERNET, carrier.at);
    await this.#measureStall('back', ETHERNET, from, 1500);

    from = this.#scene('dead', 'The provider dies silently');
    await network.fail(ETHERNET);
    await this.#measureStall('dead', MODEM, from, 1500);
    this.#measureStalls('dead', MODEM, from);
    const repaired = events.now();
    await network.repair(ETHERNET);
    await this.#joined('dead', ETHERNET, repaired);
    await this.#carries(ETHERNET);

    from = this.#scene('alone', 'The same with a halted daemon');
    daemon.halt();
    await network.fail(ETHERNET);
    await this.#measureStall('alone', MODEM, from, 1500);
    this.#measureStalls('alone', MODEM, from);
    await network.repair(ETHERNET);
    daemon.resume();
    await this.#carries(ETHERNET);

    await this.#sample();
    from = this.#scene('unplugged', 'The modem is unplugged');
    await network.remove(MODEM);
    await events.until('link', this.#is(MODEM, 'gone'), { from, what: 'the end of wwan0' });
    await this.#measureStall('unplugged', ETHERNET, from, 2000);
    await this.#end();
  }

  #scene(name: SceneName, text: string): number {
    const { events } = this.#parts;
    const at = events.now();
    events.record({ kind: 'scene', name, text }, at);
    return at;
  }

  readonly #is =
    (path: Access, state: string) =>
    (fact: { readonly interface: string; readonly state: string }): boolean =>
      fact.interface === path.interface && fact.state === state;

  async #active(path: Access, from: number): Promise<void> {
    await this.#parts.events.until('uplink', this.#is(path, 'active'), {
      from,
      what: `the uplink ${path.interface}`,
    });
  }

  /** Measures the time from the event that made the path usable to the subflow over it. */
  async #joined(scene: SceneName, path: Access, from: number): Promise<void> {
    const { events } = this.#parts;
    const subflow = await events.until(
      'subflow',
      (fact) => fact.side === 'laptop' && fact.event === 'established' && fact.interface === path.interface,
      { from, what: `a subflow over ${path.interface}` },
    );
    // The server must confirm the subflow too.
    await events.until('subflow', (fact) => fact.side === 'server' && fact.laptop === subflow.laptop, {
      from,
      what: "the server's event of that subflow",
    });
    events.record({
      kind: 'figure',
      scene,
      name: 'join',
      interface: path.interface,
      milliseconds: toTenths(subflow.at - from),
      from,
      to: subflow.at,
    });
  }

  /** Measures the longest gap since `from`, and waits until the scene has lasted `lasts` milliseconds. */
  async #measureStall(scene: SceneName, path: Access, from: number, lasts: number): Promise<void> {
    const { events } = this.#parts;
    const to = events.now() + STALL_BEGIN_MS;
    const stall = longestStall(await this.#arrivalsPast(to), from, to);
    if (!stall) throw new ScenarioError('the stream stopped');
    events.record({
      kind: 'figure',
      scene,
      name: 'stall',
      interface: path.interface,
      ...stall,
      window: [from, to],
    });
    await sleep(Math.max(from + lasts - events.now(), 0));
  }

  /** The arrivals, when one has ended a gap that may have begun before `to`. */
  async #arrivalsPast(to: number): Promise<readonly Arrival[]> {
    const { events } = this.#parts;
    while ((this.#receiver?.arrivals.at(-1)?.[0] ?? 0) <= to) {
      if (events.now() > to + CARRIES_TIMEOUT_MS) throw new ScenarioError('the stream stopped');
      await sleep(SAMPLE_MS / 4);
    }
    return this.#receiver!.arrivals;
  }

  /** Adds up the stalls of the time in which `#measureStall` has found the longest one. */
  #measureStalls(scene: SceneName, path: Access, from: number): void {
    const window = [from, from + STALL_BEGIN_MS] as const;
    const { count, milliseconds } = stallsIn(this.#receiver?.arrivals ?? [], ...window);
    this.#parts.events.record({
      ...{ kind: 'figure', scene, name: 'stalls', interface: path.interface, milliseconds, count },
      ...{ from: window[0], to: window[1], window },
    });
  }

  /** Resolves when the path carries the stream. */
  async #carries(path: Access): Promise<void> {
    const { events, monitor } = this.#parts;
    const received = async (): Promise<number> => (await monitor.counters())[path.interface]?.received ?? 0;
    const before = await received();
    const until = events.now() + CARRIES_TIMEOUT_MS;
    while ((await received()) < before + BYTES_PER_SECOND / 5) {
      if (events.now() > until) throw new ScenarioError(`${path.interface} carries no data`);
      await sleep(SAMPLE_MS / 4);
    }
  }

  async #sample(): Promise<void> {
    const { events, monitor } = this.#parts;
    const links = await monitor.counters();
    this.#links = { ...this.#links, ...links };
    events.record({ kind: 'sample', links, checked: this.#receiver?.received ?? 0 });
    const log = this.#receiver?.newArrivals() ?? [];
    if (log.length > 0) events.record({ kind: 'arrivals', log });
  }

  async #end(): Promise<void> {
    const { events, internet } = this.#parts;
    const receiver = this.#receiver!;
    receiver.finish();
    await receiver.done;
    const sent = Number(await internet.receive('sent'));
    await this.#sample();
    const { arrivals, received, checker } = receiver;
    const duration = Math.round(arrivals.at(-1)![0] - arrivals[0]![0]);
    events.record({ kind: 'end', received, sent, blocks: checker.blocks, duration, links: this.#links });
  }
}

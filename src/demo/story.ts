/** The scenario: a stream that continues while uplinks are added and removed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoryError, type Chronicle } from './chronicle.ts';
import type { Companion } from './companion.ts';
import { Daemon } from './daemon.ts';
import { Receiver } from './receiver.ts';
import { tenth, type Counters, type SceneName } from './fact.ts';
import type { Network } from './network.ts';
import { ETHERNET, MODEM, type Path } from './places.ts';
import { longestStall } from './stall.ts';
import type { Witness } from './witness.ts';

export interface Cast {
  readonly chronicle: Chronicle;
  readonly network: Network;
  readonly witness: Witness;
  readonly internet: Companion;
  readonly main: string;
}

/** Milliseconds between two samples, and between two requests for the status. */
const SAMPLE = 200;
const STATUS = 1000;
/** Milliseconds after the last event of a scene in which its stall may still begin. */
const AFTERMATH = 1000;
/** Milliseconds for the arrival that ends a gap. */
const MARGIN = 100;
/** Milliseconds that a DHCP server typically takes to answer. */
const DHCP = 1200;

/** Resolves at the end of the scenario; rejects when an expected event does not occur. */
export async function tell(cast: Cast): Promise<void> {
  const broken = new AbortController();
  const failed = new Promise<never>((_, reject) => {
    broken.signal.addEventListener('abort', () => reject(broken.signal.reason as Error));
  });
  await Promise.race([failed, new Story(cast, (error) => broken.abort(error)).run()]);
}

class Story {
  readonly #cast: Cast;
  readonly #fail: (error: Error) => void;
  #receiver: Receiver | null = null;
  #links: Record<string, Counters> = {};

  constructor(cast: Cast, fail: (error: Error) => void) {
    this.#cast = cast;
    this.#fail = fail;
  }

  async run(): Promise<void> {
    const { chronicle, network, internet, main } = this.#cast;
    const daemon = await Daemon.start(chronicle, main, (text) => this.#fail(new StoryError(text)));
    setInterval(() => daemon.look(), STATUS);

    let from = this.#scene('ethernet', 'A laptop on Ethernet');
    await network.wire(ETHERNET);
    await network.up(ETHERNET);
    await network.lease(ETHERNET);
    await this.#active(ETHERNET, from);

    from = this.#scene('stream', 'A stream of 16 Mbit/s begins');
    internet.say('the address is there');
    await internet.hear('listening');
    this.#receiver = await Receiver.start(() => chronicle.now());
    this.#receiver.done.catch(this.#fail);
    setInterval(() => void this.#sample().catch(this.#fail), SAMPLE);
    await this.#scrutinise('stream', ETHERNET, from, 2400);

    from = this.#scene('modem', 'A USB modem is plugged in');
    await network.wire(MODEM);
    await network.up(MODEM);
    await chronicle.until('link', this.#is(MODEM, 'carrier'), { from, what: 'the carrier of wwan0' });
    await sleep(DHCP);
    await network.lease(MODEM);
    const route = await chronicle.until('route', (fact) => fact.interface === MODEM.interface, {
      from,
      what: 'the default route by wwan0',
    });
    await this.#joined('modem', MODEM, route.at);
    await this.#scrutinise('modem', ETHERNET, from, 3200);

    from = this.#scene('pulled', 'The Ethernet cable is pulled');
    await network.pull(ETHERNET);
    await chronicle.until('link', this.#is(ETHERNET, 'no carrier'), { from, what: 'the end of the carrier' });
    await this.#scrutinise('pulled', MODEM, from, 4000);

    from = this.#scene('back', 'The cable comes back');
    await network.plug(ETHERNET);
    const carrier = await chronicle.until('link', this.#is(ETHERNET, 'carrier'), { from, what: 'a carrier' });
    await this.#joined('back', ETHERNET, carrier.at);
    await this.#scrutinise('back', ETHERNET, from, 3000);

    await this.#sample();
    from = this.#scene('unplugged', 'The modem is unplugged');
    await network.remove(MODEM);
    await chronicle.until('link', this.#is(MODEM, 'gone'), { from, what: 'the end of wwan0' });
    await this.#scrutinise('unplugged', ETHERNET, from, 2000);
    await this.#end();
  }

  #scene(name: SceneName, text: string): number {
    const { chronicle } = this.#cast;
    const at = chronicle.now();
    chronicle.tell({ kind: 'scene', name, text }, at);
    return at;
  }

  readonly #is =
    (path: Path, state: string) =>
    (fact: { readonly interface: string; readonly state: string }): boolean =>
      fact.interface === path.interface && fact.state === state;

  async #active(path: Path, from: number): Promise<void> {
    await this.#cast.chronicle.until('uplink', this.#is(path, 'active'), {
      from,
      what: `the uplink ${path.interface}`,
    });
  }

  /** Measures the time from the event that made the path usable to the subflow over it. */
  async #joined(scene: SceneName, path: Path, from: number): Promise<void> {
    const { chronicle } = this.#cast;
    const subflow = await chronicle.until(
      'subflow',
      (fact) => fact.side === 'laptop' && fact.event === 'established' && fact.interface === path.interface,
      { from, what: `a subflow over ${path.interface}` },
    );
    // The server must confirm the subflow too.
    await chronicle.until('subflow', (fact) => fact.side === 'server' && fact.laptop === subflow.laptop, {
      from,
      what: `the server's word of that subflow`,
    });
    chronicle.tell({
      kind: 'figure',
      scene,
      name: 'join',
      interface: path.interface,
      milliseconds: tenth(subflow.at - from),
      from,
      to: subflow.at,
    });
  }

  /** Measures the longest gap around the events since `from`, and prolongs the scene to `lasts` milliseconds. */
  async #scrutinise(scene: SceneName, path: Path, from: number, lasts: number): Promise<void> {
    const { chronicle } = this.#cast;
    const to = chronicle.now() + AFTERMATH;
    await sleep(AFTERMATH + MARGIN);
    const stall = longestStall(this.#receiver?.arrivals ?? [], from, to);
    if (!stall) throw new StoryError('the stream has stopped');
    chronicle.tell({
      kind: 'figure',
      scene,
      name: 'stall',
      interface: path.interface,
      ...stall,
      window: [from, to],
    });
    await sleep(Math.max(from + lasts - chronicle.now(), 0));
  }

  async #sample(): Promise<void> {
    const { chronicle, witness } = this.#cast;
    const links = await witness.counters();
    this.#links = { ...this.#links, ...links };
    chronicle.tell({ kind: 'sample', links, checked: this.#receiver?.received ?? 0 });
    const log = this.#receiver?.newArrivals() ?? [];
    if (log.length > 0) chronicle.tell({ kind: 'arrivals', log });
  }

  async #end(): Promise<void> {
    const { chronicle, internet } = this.#cast;
    const receiver = this.#receiver!;
    receiver.enough();
    await receiver.done;
    const sent = Number(await internet.hear('sent'));
    await this.#sample();
    const { arrivals, received, checker } = receiver;
    const duration = Math.round(arrivals.at(-1)![0] - arrivals[0]![0]);
    chronicle.tell({ kind: 'end', received, sent, blocks: checker.blocks, duration, links: this.#links });
  }
}

/** One namespace of the real kernel in which histories are replayed one after the other, compared with a model. */
import { openSession, type KernelSession } from '../../../src/netlink/session.ts';
import type { FibQuery } from '../../../src/netlink/route/fib.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { Netns } from '../../support/netns.ts';
import { addressPool } from '../steps.ts';
import { KernelPair } from './kernel-pair.ts';
import { indexOf } from './words.ts';
import { answer, differences, stateLines } from './compare.ts';
import { SLOTS, type Operation } from './operations.ts';

/** Longer than the second by which the kernel may report carrier late. */
const LIMIT_MS = 1_500;
/** For shrinking a history that is known to fail. */
export const SHORT_LIMIT_MS = 200;

/** The number of operations of each kind that the kernel accepted and refused. */
export type Counters = Map<string, { done: number; refused: number }>;

export class ReplayNamespace {
  readonly #netns: Netns;
  readonly #counters: Counters;
  #kernel: KernelSession | null = null;

  constructor(name: string, counters: Counters) {
    this.#netns = new Netns(name);
    this.#counters = counters;
    this.#netns.sysctl('net.ipv6.conf.default.addr_gen_mode', 1);
    this.#netns.sysctl('net.ipv6.conf.default.accept_ra', 0);
  }

  end(): void {
    this.#kernel?.close();
    this.#netns.delete();
  }

  /** @returns the first difference, in sentences */
  async replay(history: readonly Operation[], limit = LIMIT_MS): Promise<string[]> {
    this.#kernel ??= await openSession({ clock: systemClock, netns: this.#netns.path });
    const pair = new KernelPair(this.#kernel);
    await pair.begin();
    for (const [at, operation] of history.entries()) {
      const { model, real } = await pair.do(operation);
      this.#count(operation, real);
      const differences =
        model.split(' ')[0] === real.split(' ')[0] ? [] : [`the model says "${model}", the kernel "${real}"`];
      const compare = async () => [...(await stateDifferences(pair)), ...(await answerDifferences(pair, at))];
      const found = [...differences, ...(await untilEmpty(limit, compare))];
      if (found.length > 0) return [`operation ${at}: ${JSON.stringify(operation)}`, ...found];
    }
    return [];
  }

  #count({ kind }: Operation, real: string): void {
    const count = this.#counters.get(kind) ?? { done: 0, refused: 0 };
    this.#counters.set(kind, count);
    if (real === '') count.done++;
    else count.refused++;
  }
}

/** Repeats a comparison until there is no difference, or until the time is over. */
async function untilEmpty(limit: number, compare: () => Promise<string[]>): Promise<string[]> {
  const begun = performance.now();
  for (;;) {
    const found = await compare();
    if (found.length === 0 || performance.now() - begun > limit) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function stateDifferences(pair: KernelPair): Promise<string[]> {
  const [model, real] = await Promise.all([stateLines(pair.model), stateLines(pair.real)]);
  return differences(model, real);
}

/**
 * Compares the answers to four of all queries, other ones after each operation. The comparison is repeated, because the
 * kernel (6.18) finds neither of two IPv6 defaults over one nexthop object for up to a second after the better one was
 * deleted.
 */
async function answerDifferences(pair: KernelPair, at: number): Promise<string[]> {
  const asked = [0, 1, 2, 3].map(async (i) => {
    const query = queryAt(at * 4 + i);
    const [model, real] = await Promise.all([answer(pair.model, query), answer(pair.real, query)]);
    return model === real ? [] : [`${JSON.stringify(query)}: the model "${model}", the kernel "${real}"`];
  });
  return (await Promise.all(asked)).flat();
}

const DESTINATIONS = ['192.0.2.1', '240.0.0.1', '10.1.0.77', '10.99.0.77', '203.0.113.5'];
const DESTINATIONS6 = ['2001:db8::1', 'a000::1', '2001:db8:1::77', '2001:db8:99::5'];

/** Returns the queries in a fixed order that covers all of them. */
function queryAt(number: number): FibQuery {
  const four = number % 2 === 0;
  const at = Math.floor(number / 2) * 7;
  const destinations = four ? DESTINATIONS : DESTINATIONS6;
  const pool = addressPool(at % SLOTS).slice(four ? 0 : 5, four ? 5 : 8);
  const source = at % 3 === 0 ? undefined : pool[at % pool.length]![0];
  return {
    family: four ? 'ipv4' : 'ipv6',
    destination: destinations[at % destinations.length]!,
    source,
    ifindex: at % 5 < 2 ? undefined : indexOf(at % SLOTS),
  };
}

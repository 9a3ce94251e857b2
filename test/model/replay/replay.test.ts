/**
 * The same history through the model and the kernel that runs: no difference between the two, in what they hold and in
 * what they answer. MULTIHOMED_REPLAYS=500 and MULTIHOMED_DEEDS=200 for the whole, MULTIHOMED_SEED for another run.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectKernel, type KernelConnections } from '../../../src/daemon/kernel.ts';
import type { FibQuery } from '../../../src/netlink/route/fib.ts';
import { systemClock } from '../../../src/system/clock.ts';
import { isPrivate } from '../../support/lab.ts';
import { Netns } from '../../support/netns.ts';
import { addressPool } from '../steps.ts';
import { Both, indexOf } from './both.ts';
import { answer, differences, holdings } from './compare.ts';
import { deeds, SLOTS, type Deed } from './deeds.ts';

const RUNS = Number(process.env['MULTIHOMED_REPLAYS'] ?? 12);
const LENGTH = Number(process.env['MULTIHOMED_DEEDS'] ?? 60);
const seed = process.env['MULTIHOMED_SEED'];
/** Carrier is told up to a second late. */
const PATIENCE = 1_500;

describe.skipIf(!isPrivate)('the model kernel', () => {
  let netns: Netns;
  let kernel: KernelConnections;

  beforeAll(async () => {
    netns = new Netns(`replay-${process.pid}`);
    netns.sysctl('net.ipv6.conf.default.addr_gen_mode', 1);
    netns.sysctl('net.ipv6.conf.default.accept_ra', 0);
    kernel = await connectKernel({ clock: systemClock, netns: netns.path });
  });
  afterAll(() => {
    kernel.close();
    netns.delete();
  });

  function clear(): void {
    const links = Array.from({ length: SLOTS }, (_, slot) => `ip link delete peer${indexOf(slot)}`);
    const rules = '-4 -6'
      .split(' ')
      .map((family) => `ip ${family} rule flush; ip ${family} rule add pref 32766 lookup main proto kernel`);
    netns.sh(
      `(${[...links, ...rules, 'ip rule add pref 32767 lookup default proto kernel', 'ip mptcp endpoint flush'].join(';')}; ip mptcp limits set subflows 2 add_addr_accepted 0) 2>/dev/null`,
    );
  }

  /** @returns the first difference, in sentences */
  async function replay(history: readonly Deed[]): Promise<string[]> {
    clear();
    const both = new Both(kernel);
    await both.begin();
    for (const [at, deed] of history.entries()) {
      const { model, real } = await both.do(deed);
      const told =
        model.split(' ')[0] === real.split(' ')[0] ? [] : [`the model says "${model}", the kernel "${real}"`];
      const found = [...told, ...(await unlike(both)), ...(await unlikeAnswers(both, at))];
      if (found.length > 0) return [`deed ${at}: ${JSON.stringify(deed)}`, ...found];
    }
    return [];
  }

  async function unlike(both: Both): Promise<string[]> {
    const begun = performance.now();
    for (;;) {
      const found = differences(await holdings(both.model), await holdings(both.real));
      if (found.length === 0 || performance.now() - begun > PATIENCE) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** A few of all the questions that there are, others each time. */
  async function unlikeAnswers(both: Both, at: number): Promise<string[]> {
    const found: string[] = [];
    for (let i = 0; i < 4; i++) {
      const query = question(at * 4 + i);
      const [model, real] = [await answer(both.model, query), await answer(both.real, query)];
      if (model !== real) found.push(`${JSON.stringify(query)}: the model "${model}", the kernel "${real}"`);
    }
    return found;
  }

  test(`${RUNS} histories of up to ${LENGTH} deeds agree`, { timeout: 0 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deeds, { maxLength: LENGTH, size: 'max' }), async (history) => {
        const found = await replay(history);
        if (found.length > 0) throw new Error(`${found.join('\n')}\n${JSON.stringify(history)}`);
      }),
      { numRuns: RUNS, includeErrorInReport: true, ...(seed === undefined ? {} : { seed: Number(seed) }) },
    );
    expect.assertions(0);
  });
});

const DESTINATIONS = ['192.0.2.1', '240.0.0.1', '10.1.0.77', '10.99.0.77', '203.0.113.5'];
const DESTINATIONS6 = ['2001:db8::1', 'a000::1', '2001:db8:1::77', '2001:db8:99::5'];

/** In a fixed order that goes through all of them. */
function question(number: number): FibQuery {
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

/**
 * Runs the same history on the model and on the running kernel, and compares their state and their replies. For a
 * long run set MULTIHOMED_REPLAYS=500 and MULTIHOMED_DEEDS=200; MULTIHOMED_SEED selects another run.
 */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { isPrivate } from '../../support/lab.ts';
import { SEED as seed } from '../../support/seed.ts';
import { OPENING, deeds, type Deed } from './operations.ts';
import { HASTE, Lane, type Tally } from './replay-namespace.ts';
import { shrink } from './shrink.ts';

/** Several in parallel, since the kernel mostly waits for itself (RCU). */
const LANES = 4;
const RUNS = Number(process.env['MULTIHOMED_REPLAYS'] ?? 12);
const LENGTH = Number(process.env['MULTIHOMED_DEEDS'] ?? 60);

describe.skipIf(!isPrivate)('model kernel and real kernel', () => {
  const tally: Tally = new Map();
  const lanes: Lane[] = [];
  let replayed = 0;
  let said = performance.now();

  afterAll(() => {
    for (const lane of lanes) lane.end();
    console.log(summary());
  });

  function summary(): string {
    const counts = [...tally.values()];
    const all = counts.reduce((sum, { done, refused }) => sum + done + refused, 0);
    const lines = [...tally]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([deed, { done, refused }]) => `${deed} ${done} (+${refused} refused)`);
    return `${replayed} histories, ${all} deeds replayed (seed ${seed}): ${lines.join(', ')}`;
  }

  test(`agree in ${RUNS} histories of ${LENGTH} operations`, { timeout: 0 }, async () => {
    const length = Math.max(0, LENGTH - OPENING.length);
    const rest = fc.array(deeds, { minLength: length, maxLength: length, size: 'max' });
    const histories = fc
      .sample(rest, { numRuns: RUNS, seed })
      .map((each) => [...OPENING, ...each].slice(0, LENGTH));
    const failures: string[] = [];
    const work = async (name: string): Promise<void> => {
      const lane = new Lane(name, tally);
      lanes.push(lane);
      for (let history = histories.shift(); history && failures.length === 0; history = histories.shift()) {
        const found = await lane.replay(history);
        if (found.length > 0) failures.push(await told(lane, history, found));
        replayed++;
        if (performance.now() - said < 60_000) continue;
        said = performance.now();
        console.log(summary());
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, at) => work(`replay-${process.pid}-${at}`)));
    expect(failures.join('\n\n')).toBe('');
  });
});

/** Returns the shortest failing history, with its difference. */
async function told(lane: Lane, history: readonly Deed[], found: string[]): Promise<string> {
  console.log(`to be made smaller: ${found.join('\n')}`);
  const small = await shrink(history, async (each) => (await lane.replay(each, HASTE)).length > 0);
  const again = await lane.replay(small);
  return [...(again.length > 0 ? again : found), JSON.stringify(small)].join('\n');
}

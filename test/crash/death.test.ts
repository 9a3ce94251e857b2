/**
 * Kills a real daemon by SIGKILL before and after each change that it requests, before each request that only reads,
 * and before, during and after each step of writing its journal. Its successor must reach the right state and flush
 * exactly what multihomed owns. MULTIHOMED_DEATHS=change, question or journal runs all of one kind, `all` runs
 * everything; otherwise a sample.
 */
import { describe, expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import { CYCLES, LIFE, type Cycle } from './moves.ts';
import { CLASSES, MOMENTS, type Class, type Moment } from './shim.ts';
import { CrashHarness, type Death } from './harness.ts';

const ASKED = process.env['MULTIHOMED_DEATHS'];
/** Each kill takes about a second, on a loaded machine three. */
const HOURS = 3 * 3_600_000;

/** Only a write can be half done. After a request that only reads is the same as before the next one. */
const momentsOf = (kind: Class): readonly Moment[] =>
  kind === 'journal' ? MOMENTS : MOMENTS.slice(0, kind === 'change' ? 2 : 1);

describe('SIGKILL', () => {
  test.skipIf(ASKED !== undefined)(
    'at a sample of all requests and journal writes',
    { timeout: HOURS },
    async ({ lab }) => {
      const harness = await prepare(lab);
      let random = 1;
      const below = (most: number): number => (random = (random * 48271) % 0x7fff_ffff) % most;
      for (const { moves } of [LIFE, ...CYCLES]) {
        const deadly = below(moves.length);
        for (const [at, move] of moves.entries()) {
          const kind: Class = below(3) === 0 ? 'journal' : 'change';
          const moments = momentsOf(kind);
          // Counts from one; zero means that the daemon is not killed.
          const left = at === deadly || move === LIFE.moves[0] ? 1 + below(4) : 0;
          await harness.deadly(move, { kind, left, moment: moments[below(moments.length)]! });
        }
      }
      report(harness);
      expect(harness.ends.length).toBeGreaterThan(6);
      await harness.stop();
    },
  );

  test.runIf(ASKED === undefined || ASKED === 'all')(
    'of the command flush while no daemon runs',
    { timeout: HOURS },
    async ({ lab }) => {
      const harness = await prepare(lab);
      let deaths = 0;
      for (const moment of momentsOf('change').slice(ASKED === undefined ? 1 : 0))
        for (let left = 1, died = true; died; left += ASKED === undefined ? 15 : 1) {
          harness.start();
          await harness.right();
          await harness.stop();
          harness.shim.arm('change', left, moment);
          died = !(await harness.flushed());
          harness.shim.disarm();
          if (!died) break;
          deaths++;
          // The next run either completes the flush or adds everything again.
          if (left % 2 === 0) await harness.flushed();
          else harness.start();
          if (left % 2 === 0) expect(harness.fixture.wrong()).toEqual([]);
          else await harness.right();
          harness.untouched();
          await harness.stop();
        }
      console.log(`${deaths} deaths of the command`);
      expect(deaths).toBeGreaterThan(1);
      await harness.stop();
    },
  );

  for (const kind of Object.keys(CLASSES) as Class[])
    for (const moment of ASKED === 'all' || ASKED === kind ? momentsOf(kind) : [])
      test(`${moment} each ${kind}`, { timeout: HOURS }, async ({ lab }) => {
        const harness = await prepare(lab);
        for (const cycle of [LIFE, ...CYCLES]) await exhaust(harness, cycle, { kind, moment });
        report(harness);
        await harness.stop();
      });
});

/** Runs a daemon that added and removed everything, so that the state without multihomed is known. */
async function prepare(lab: Lab): Promise<CrashHarness> {
  const harness = new CrashHarness(lab);
  for (const { moves, outside } of CYCLES)
    if (outside)
      for (const move of moves) {
        await move.act(harness);
        harness.know();
      }
  return harness;
}

/** Repeats the moves with a later point each time, until no move has as many points. */
async function exhaust(harness: CrashHarness, { moves }: Cycle, death: Omit<Death, 'left'>): Promise<void> {
  for (let left = 1, died = true; died; left++) {
    died = false;
    for (const move of moves) died = (await harness.deadly(move, { ...death, left })) || died;
  }
}

function report({ ends, flushes }: CrashHarness): void {
  const kinds = new Map<string, number>();
  for (const { what, moment } of ends)
    kinds.set(`${moment} ${what}`, (kinds.get(`${moment} ${what}`) ?? 0) + 1);
  const list = [...kinds].map(([what, count]) => `${what}: ${count}`).sort();
  console.log(
    `${ends.length} deaths, each with a successor that was right and ${flushes} flushes; ${list.join(', ')}`,
  );
}

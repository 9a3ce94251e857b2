/** Random histories. MULTIHOMED_HISTORIES sets their number, MULTIHOMED_SEED repeats a run. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { SEED } from '../support/seed.ts';
import { histories } from './histories.ts';
import { runHistory } from './run-history.ts';
import { summary, counts } from './counters.ts';

// Drivers and paths are the only input that does not come from the kernel's messages.
vi.mock('../../src/snapshot/driver.ts', () => ({ readDevice: async () => ({ driver: null, path: null }) }));

const runs = Number(process.env['MULTIHOMED_HISTORIES'] ?? 150);

test(`${runs} random histories end in the expected state`, { timeout: 0 }, async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const found = await runHistory(history);
      // The faults as sentences, and the history as JSON to copy into the regressions.
      if (found.length > 0) throw new Error(`${found.slice(0, 8).join('\n')}\n${JSON.stringify(history)}`);
    }),
    { numRuns: runs, includeErrorInReport: true, seed: SEED },
  );
});

/** Expected counts in a thousand histories, checked when a count of zero would be practically impossible. */
const TROUBLES: Readonly<Record<string, number>> = {
  'IPv4 routes removed silently': 1900,
  'answer lost': 180,
  'crash after a change': 70,
  'crash before a change': 40,
  'dump interrupted': 130,
  'endpoint refused: ERANGE': 50,
  'endpoint refused: ERANGE, reported as EINVAL': 40,
  'event late': 6000,
  'event lost': 350,
  'events in another order': 800,
  'id taken over by another program': 160,
  'implicit endpoint': 200,
  overrun: 80,
};

test('every fault of the model occurred in the histories', () => {
  console.log(summary());
  const due = Object.keys(TROUBLES).filter((each) => TROUBLES[each]! * runs > 20_000);
  expect(due.filter((each) => !counts().has(each))).toEqual([]);
});

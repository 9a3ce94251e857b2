/** Random histories end as they should. MULTIHOMED_HISTORIES sets how many, MULTIHOMED_SEED repeats a run. */
import fc from 'fast-check';
import { test, vi } from 'vitest';
import { histories, live } from './histories.ts';

// The only thing that is read from outside the kernel's messages.
vi.mock('../../src/snapshot/driver.ts', () => ({ readDriver: async () => null }));

const runs = Number(process.env['MULTIHOMED_HISTORIES'] ?? 300);
const seed = process.env['MULTIHOMED_SEED'];

test(`${runs} histories end with what should stand and nothing else`, { timeout: 0 }, async () => {
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const found = await live(history);
      // One sentence each, a history as JSON: to be read, and copied into the regressions.
      if (found.length > 0) throw new Error(`${found.slice(0, 8).join('\n')}\n${JSON.stringify(history)}`);
    }),
    { numRuns: runs, includeErrorInReport: true, ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
});

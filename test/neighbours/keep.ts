/** A lab whose neighbours have ended before it is taken down. */
import { test as base } from '../support/lab.ts';

interface Ending {
  end(): Promise<void>;
}

export type Keep = <T extends Ending>(neighbour: T) => T;

export const test = base.extend<{ keep: Keep }>({
  keep: async ({ lab }, use) => {
    // Only to be set up after it, and so taken down before it.
    void lab;
    const kept: Ending[] = [];
    await use((neighbour) => {
      kept.push(neighbour);
      return neighbour;
    });
    for (const each of kept.reverse()) await each.end();
  },
});

/** A lab whose other programs are ended before it is removed. */
import { test as base } from '../support/lab.ts';

interface Ending {
  end(): Promise<void>;
}

export type Keep = <T extends Ending>(neighbour: T) => T;

export const test = base.extend<{ keep: Keep }>({
  keep: async ({ lab }, use) => {
    // Depends on the lab so that it is set up after the lab and removed before it.
    void lab;
    const kept: Ending[] = [];
    await use((neighbour) => {
      kept.push(neighbour);
      return neighbour;
    });
    for (const each of kept.reverse()) await each.end();
  },
});

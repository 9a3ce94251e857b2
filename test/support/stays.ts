/** Checks that something does not change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

/** Checks that a value does not change, by reading it repeatedly for `duration` milliseconds. */
export async function stays<T>(look: () => T, duration = 500): Promise<T> {
  const first = look();
  for (const end = Date.now() + duration; Date.now() < end;) {
    await sleep(25);
    expect(look()).toEqual(first);
  }
  return first;
}

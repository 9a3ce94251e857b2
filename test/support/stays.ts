/** Checks that a value does not change. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

/** Reads a value repeatedly for `duration` milliseconds, and checks that it is always equal. @returns the value */
export async function stays<T>(read: () => T, duration = 500): Promise<T> {
  const first = read();
  for (const end = Date.now() + duration; Date.now() < end;) {
    await sleep(25);
    expect(read()).toEqual(first);
  }
  return first;
}

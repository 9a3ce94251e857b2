/** Helpers for tests on a simulated socket. */
import { expect } from 'vitest';
import type { NetlinkRequest } from '../../src/netlink/connection.ts';
import { bytesOf } from './wire.ts';

export const asked = (operation: string, size = 8): NetlinkRequest => ({
  operation,
  type: 26,
  payload: Buffer.alloc(size, 0xab),
});
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** One part of the answer to a dump. */
export const part = (sequence: number, text: string, flags = 2): Buffer =>
  bytesOf({ type: 24, flags, sequence, portId: 0, payload: Buffer.from(text.padEnd(4)) });
export const texts = (messages: readonly { payload: Buffer }[]): string[] =>
  messages.map(({ payload }) => payload.toString().trim());
/** The result of the promise, without waiting for it. */
export const outcome = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: unknown) => error);
export const failure = (code: string, words: object = {}): unknown =>
  expect.objectContaining({ name: 'NetlinkError', code, ...words });

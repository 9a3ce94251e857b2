/** A request to the kernel and its expected result. */
import { expect } from 'vitest';
import { NetlinkError } from '../../src/netlink/error.ts';
import type { Requester } from '../../src/netlink/connection.ts';
import type { GenericFamily } from '../../src/netlink/generic/family.ts';

export interface Asked {
  readonly route: Requester;
  readonly generic: Requester;
  readonly mptcp: GenericFamily;
}

export interface DecoderCase {
  readonly name: string;
  readonly ask: (kernel: Asked) => Promise<unknown>;
  /** undefined: only the acknowledgement. */
  readonly expected?: unknown;
}

/**
 * What the kernel refused, with its text. `code`: the second of two is that of another kernel. `attribute`: the one
 * that the kernel names, if it does; 6.12 does not always where 6.18 does.
 */
export const refusal = (code: string | string[], kernelText?: string | RegExp, attribute?: number) =>
  expect.objectContaining({
    name: 'NetlinkError',
    code: expect.toBeOneOf([code].flat()) as string,
    kernelText: kernelText instanceof RegExp ? (expect.stringMatching(kernelText) as string) : kernelText,
    ...(attribute === undefined ? {} : { attribute: expect.toBeOneOf([attribute, undefined]) as number }),
  }) as unknown;
export const refused = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof NetlinkError) return error;
    throw error;
  }
};

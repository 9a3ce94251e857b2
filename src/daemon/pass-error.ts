/** Logs errors of passes, each once until a pass succeeds. */
import { DecodeError } from '../netlink/attribute.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { Log } from '../system/log.ts';
import { sourceStack } from '../system/stack.ts';
import { ACTION_RETRY_MS, READ_RETRY_MS } from './intervals.ts';

export class PassErrors {
  readonly #log: Log;
  /** The error of the last pass; empty: it succeeded. */
  #last = '';

  constructor(log: Log) {
    this.#log = log;
  }

  get last(): string {
    return this.#last;
  }

  /** @returns milliseconds until the next try */
  failed(error: unknown): number {
    const expected = error instanceof NetlinkError || error instanceof DecodeError;
    const { message } = error as Error;
    if (message !== this.#last)
      this.#log.warn(
        `a pass failed and is tried again: ${message}`,
        expected ? {} : { stack: sourceStack(error) },
      );
    this.#last = message;
    return expected ? READ_RETRY_MS : ACTION_RETRY_MS;
  }

  succeeded(): void {
    this.#last = '';
  }
}

/**
 * Compares the parts that were kept from earlier reads with a whole new read. A difference means that a change was
 * missed.
 */
import { differences } from '../snapshot/kept-lookup.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Log } from '../system/log.ts';

export class KeptCheck {
  readonly #log: Log;
  /** null: no check is in progress, or a change was reported since it began. */
  #kept: Snapshot | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  begin(kept: Snapshot | null): void {
    this.#kept = kept;
  }

  /** Ends the check, because a change was reported: a difference would no longer prove anything. */
  cancel(): void {
    this.#kept = null;
  }

  /** Logs each difference. The pass uses the new read. */
  async end(whole: Snapshot): Promise<void> {
    const found = this.#kept ? differences(this.#kept, whole) : [];
    // Events that wait in the socket are reported first, and cancel the check.
    if (found.length > 0) await new Promise((resolve) => setImmediate(resolve));
    if (this.#kept)
      for (const each of found)
        this.#log.error(`internal error, please report it: a change was missed until now (${each})`);
    this.#kept = null;
  }
}

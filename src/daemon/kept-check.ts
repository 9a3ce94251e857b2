/** Compares what was kept from earlier reads with a whole new read. A difference means that a change was missed. */
import { differences } from '../snapshot/kept-lookup.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Log } from '../system/log.ts';

export class KeptCheck {
  readonly #log: Log;
  /** null: no check is under way, or something was reported since it began. */
  #kept: Snapshot | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  begin(kept: Snapshot | null): void {
    this.#kept = kept;
  }

  /** Something was reported, so that a difference would mean nothing. */
  cancel(): void {
    this.#kept = null;
  }

  /** Logs each difference. The pass goes on with what was read now. */
  async end(whole: Snapshot): Promise<void> {
    const found = this.#kept ? differences(this.#kept, whole) : [];
    // Events that wait in the socket are reported by then, and cancel the check.
    if (found.length > 0) await new Promise((resolve) => setImmediate(resolve));
    if (this.#kept)
      for (const each of found)
        this.#log.error(`internal error, please report it: a change was missed until now (${each})`);
    this.#kept = null;
  }
}

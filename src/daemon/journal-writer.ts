/**
 * Writes the journal at each change of what is owned or of the hooks' last notification. A failing
 * disk is logged once, not at each pass.
 */
import type { Journal } from '../actions/journal.ts';
import type { HookRecord } from '../hooks/record.ts';
import type { State } from '../actions/state.ts';
import type { Log } from '../system/log.ts';

export class JournalWriter {
  readonly #journal: Journal;
  readonly #log: Log;
  #lastError = '';

  constructor(journal: Journal, log: Log) {
    this.#journal = journal;
    this.#log = log;
  }

  /** @returns false: the journal could not be written */
  write(state: State, notified: HookRecord): boolean {
    try {
      this.#journal.write(state, notified);
      this.#lastError = '';
      return true;
    } catch (error) {
      const text = `the journal cannot be written: ${(error as Error).message}`;
      if (text !== this.#lastError) this.#log.error(text);
      this.#lastError = text;
      return false;
    }
  }
}

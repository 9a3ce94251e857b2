/** Keeps the state of all subjects of one kind and starts the hook runs that they need. */
import type { Limiter } from './limiter.ts';
import type { Telling, Vocabulary } from './occasion.ts';
import { finished, isForgotten, newParty, next, started, type Party } from './told.ts';

export interface DeskParts<Facts> {
  readonly words: Vocabulary<Facts>;
  readonly limiter: Limiter;
  /** The facts that hooks were last notified of in an earlier run of the daemon, by key. */
  readonly told: Readonly<Record<string, Facts>>;
  /** Keys whose closing run (`down`, `link-down`, `device-delete`) was interrupted in an earlier run of the daemon. */
  readonly leaving: readonly string[];
  /** Runs the hooks; resolves to false when the run was interrupted. Never rejects. */
  readonly tell: (telling: Telling<Facts>) => Promise<boolean>;
  readonly onTold: () => void;
}

/**
 * Brings what hooks know about one kind of subject to the current state, with at most one run per subject at a time.
 */
export class Desk<Facts extends { readonly reason: string }> {
  readonly #parts: DeskParts<Facts>;
  readonly #parties = new Map<string, Party<Facts>>();
  /** Keys that have a run under way, or that wait for a free slot. */
  readonly #busy = new Set<string>();
  readonly #idlers: (() => void)[] = [];
  #stopped = false;

  constructor(parts: DeskParts<Facts>) {
    this.#parts = parts;
    for (const [key, facts] of Object.entries(parts.told))
      this.#parties.set(key, newParty(facts, parts.leaving.includes(key)));
  }

  /** The facts that hooks know and that no closing run has revoked, by key. */
  get told(): Record<string, Facts> {
    const record: Record<string, Facts> = {};
    for (const [key, party] of this.#parties) if (party.told !== null) record[key] = party.told;
    return record;
  }

  /** Keys whose closing run has started and has not completed. */
  get leaving(): string[] {
    return [...this.#parties].filter(([, party]) => party.leaving && party.told !== null).map(([key]) => key);
  }

  /** `level` is the complete current state. A key that is absent is gone; `farewells` may give the reason. */
  want(level: ReadonlyMap<string, Facts>, farewells: ReadonlyMap<string, string>): void {
    for (const key of new Set([...this.#parties.keys(), ...level.keys()])) {
      const party = this.#parties.get(key) ?? newParty<Facts>(null);
      const wanted = level.get(key) ?? null;
      const farewell = wanted === null ? (farewells.get(key) ?? party.farewell) : null;
      this.#parties.set(key, { ...party, wanted, farewell });
      this.#look(key);
    }
  }

  async idle(): Promise<void> {
    if (this.#busy.size > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Starts no further runs. It does not end the runs that are under way. */
  stop(): void {
    this.#stopped = true;
  }

  #look(key: string): void {
    const party = this.#parties.get(key);
    if (party === undefined || this.#busy.has(key)) return;
    if (this.#stopped || next(party, this.#parts.words) === null) {
      if (isForgotten(party)) this.#parties.delete(key);
      return;
    }
    this.#busy.add(key);
    this.#parts.limiter.enter(() => this.#begin(key));
  }

  /** Decides again what to run, because the state may have changed while the key waited for a slot. */
  #begin(key: string): void {
    const party = this.#parties.get(key);
    const telling = party === undefined || this.#stopped ? null : next(party, this.#parts.words);
    if (party === undefined || telling === null) {
      this.#release(key);
      return;
    }
    this.#parties.set(key, started(party, telling));
    this.#parts.onTold();
    void this.#parts.tell(telling).then((whole) => {
      const now = this.#parties.get(key) ?? party;
      // The next daemon repeats a closing run that was interrupted.
      this.#parties.set(key, whole ? finished(now) : { ...now, telling: null });
      this.#parts.onTold();
      this.#release(key);
    });
  }

  #release(key: string): void {
    this.#busy.delete(key);
    this.#parts.limiter.leave();
    this.#look(key);
    if (this.#busy.size === 0) for (const wake of this.#idlers.splice(0)) wake();
  }
}

import type { Limiter } from './limiter.ts';
import type { Telling, Vocabulary } from './occasion.ts';
import { finished, isForgotten, newParty, next, started, type Party } from './told.ts';

export interface DeskParts<Facts> {
  readonly words: Vocabulary<Facts>;
  readonly limiter: Limiter;
  /** What was told in an earlier run of the daemon, by key. */
  readonly told: Readonly<Record<string, Facts>>;
  /** Keys of those whose end was cut short in an earlier run. */
  readonly leaving: readonly string[];
  /** Tells it; false when it was cut short. Never rejects. */
  readonly tell: (telling: Telling<Facts>) => Promise<boolean>;
  readonly onTold: () => void;
}

/** Brings what the hooks were told of one kind of thing to what is so, one run at a time for each thing. */
export class Desk<Facts extends { readonly reason: string }> {
  readonly #parts: DeskParts<Facts>;
  readonly #parties = new Map<string, Party<Facts>>();
  /** Keys that run, or that wait for a place to run. */
  readonly #busy = new Set<string>();
  readonly #idlers: (() => void)[] = [];
  #stopped = false;

  constructor(parts: DeskParts<Facts>) {
    this.#parts = parts;
    for (const [key, facts] of Object.entries(parts.told))
      this.#parties.set(key, newParty(facts, parts.leaving.includes(key)));
  }

  /** What has been told and not taken back, by key. */
  get told(): Record<string, Facts> {
    const record: Record<string, Facts> = {};
    for (const [key, party] of this.#parties) if (party.told !== null) record[key] = party.told;
    return record;
  }

  /** Keys of those whose end was begun and is not over. */
  get leaving(): string[] {
    return [...this.#parties].filter(([, party]) => party.leaving && party.told !== null).map(([key]) => key);
  }

  /** `level` is all that is so; a key that is absent is gone, for the reason in `farewells` if there is one. */
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

  /** Begins nothing more; what runs is somebody else's to end. */
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

  /** Decides anew: while it waited for its place, the news may have become old. */
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
      // An end that was cut short is told again by the next daemon.
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

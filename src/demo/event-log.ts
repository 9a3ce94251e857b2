/** The log of the demo's events. Callers can wait for an event. */
import { toTenths, type Fact } from './fact.ts';

/** An event that the demo waited for did not occur. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
}

/** Milliseconds; long, because a busy machine is slow. */
const TIMEOUT_MS = 30_000;

/** Omits `at` from each kind of fact separately, which keeps the union. */
type Untimed<F> = F extends Fact ? Omit<F, 'at'> : never;
export type NewFact = Untimed<Fact>;

interface Waiter {
  readonly wanted: (fact: Fact) => boolean;
  readonly found: (fact: Fact) => void;
}

export class EventLog {
  readonly #start = performance.now();
  readonly #facts: Fact[] = [];
  readonly #waits = new Set<Waiter>();
  readonly #write: (fact: Fact) => void;

  constructor(write: (fact: Fact) => void) {
    this.#write = write;
  }

  /** Milliseconds since the start. */
  now(): number {
    return toTenths(performance.now() - this.#start);
  }

  record<T extends NewFact>(event: T, at = this.now()): void {
    // The cast is needed because the compiler does not recombine the parts of a union.
    const fact = { ...event, at } as unknown as Fact;
    this.#write(fact);
    // Arrivals are not stored here, because the receiver keeps its own log.
    if (fact.kind === 'arrivals') return;
    this.#facts.push(fact);
    for (const wait of this.#waits) if (wait.wanted(fact)) wait.found(fact);
  }

  /**
   * Resolves with the first fact of this kind since `from` for which `wanted` holds. Rejects with ScenarioError when it
   * does not occur within `timeout` milliseconds.
   */
  until<K extends Fact['kind']>(
    kind: K,
    wanted: (fact: Extract<Fact, { kind: K }>) => boolean,
    options: { readonly from: number; readonly what: string; readonly timeout?: number },
  ): Promise<Extract<Fact, { kind: K }>> {
    type Wanted = Extract<Fact, { kind: K }>;
    const { from, what, timeout = TIMEOUT_MS } = options;
    const fits = (fact: Fact): boolean => fact.kind === kind && fact.at >= from && wanted(fact as Wanted);
    const past = this.#facts.find(fits);
    if (past) return Promise.resolve(past as Wanted);
    return new Promise((resolve, reject) => {
      const wait: Waiter = {
        wanted: fits,
        found: (fact) => {
          clearTimeout(timer);
          this.#waits.delete(wait);
          resolve(fact as Wanted);
        },
      };
      const timer = setTimeout(() => {
        this.#waits.delete(wait);
        reject(new ScenarioError(`${what} did not occur within ${timeout / 1000} s`));
      }, timeout);
      this.#waits.add(wait);
    });
  }
}

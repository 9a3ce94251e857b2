/** What is wrong with the host or cannot be had, as it is now: told by `status`, and logged when it begins. */
import type { LimitsSetting } from '../rules/rule.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Obstacle } from '../plan/obstacle.ts';
import { findObstacle, standingProblems } from './kernel.ts';

/** Milliseconds; nobody tells when a sysctl changes, and passes may follow each other quickly. */
const FRESH = 1_000;

interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly netns: string | undefined;
  readonly limitMax: number;
}

export class Problems {
  readonly #parts: Parts;
  #known: readonly string[] = [];
  #limits: LimitsSetting | null = null;
  #looked = -Infinity;
  #obstacle: Obstacle | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** As at the last look. */
  get obstacle(): Obstacle | null {
    return this.#obstacle;
  }

  look(limits: LimitsSetting): readonly string[] {
    const { log, clock, netns, limitMax } = this.#parts;
    const now = clock.now();
    if (limits === this.#limits && now < this.#looked + FRESH) return this.#known;
    const found = [...standingProblems(netns), ...tooMuch(limits, limitMax)];
    for (const problem of found) if (!this.#known.includes(problem)) log.warn(problem);
    this.#obstacle = findObstacle(netns);
    this.#known = found;
    this.#limits = limits;
    this.#looked = now;
    return found;
  }
}

function tooMuch(limits: LimitsSetting, most: number): string[] {
  if (typeof limits === 'string') return [];
  const { subflows, addAddrAccepted } = limits;
  return Object.entries({ subflows, 'add-addr-accepted': addAddrAccepted })
    .filter(([, wanted]) => wanted !== null && wanted > most)
    .map(
      ([name, wanted]) =>
        `limits: ${name}: ${wanted} is cut to ${most}, since this kernel takes no more than ${most}`,
    );
}

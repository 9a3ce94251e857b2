/** Current problems of the host and settings that cannot be met: shown by `status`, and logged when they begin. */
import { obstacleProblems } from '../plan/obstacle.ts';
import type { LimitsSetting } from '../rules/rule.ts';
import { type Obstacle, findObstacle } from '../snapshot/obstacle.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';

/** How long a check stays valid, in milliseconds: a sysctl change causes no event, and passes may be frequent. */
const FRESH_MS = 1_000;

interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly netns: string | undefined;
  readonly limitMax: number;
}

export class HostProblems {
  readonly #parts: Parts;
  #known: readonly string[] = [];
  #limits: LimitsSetting | null = null;
  #looked = -Infinity;
  #obstacle: Obstacle | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** As of the last check. */
  get obstacle(): Obstacle | null {
    return this.#obstacle;
  }

  /**
   * Checks the host, at most once a second while the limits stay the same, and logs new problems.
   * @returns one sentence per problem
   */
  look(limits: LimitsSetting): readonly string[] {
    const { log, clock, netns, limitMax } = this.#parts;
    const now = clock.now();
    if (limits === this.#limits && now < this.#looked + FRESH_MS) return this.#known;
    const obstacle = findObstacle(netns);
    const found = [...obstacleProblems(obstacle), ...tooMuch(limits, limitMax)];
    for (const problem of found) if (!this.#known.includes(problem)) log.warn(problem);
    this.#obstacle = obstacle;
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

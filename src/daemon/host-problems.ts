/** Current problems of the host and settings that cannot be met: shown by `status`, and logged when they begin. */
import { problemText } from '../messages/problem.ts';
import { limitProblems, obstacleProblems, type HostProblem } from '../plan/problem.ts';
import type { LimitsSetting } from '../rules/rule.ts';
import { type Obstacle, findObstacle } from '../snapshot/obstacle.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';

/** How long a check stays valid, in milliseconds. A change of a sysctl causes no event, and passes may be frequent. */
const FRESH_MS = 1_000;

interface Parts {
  readonly log: Log;
  readonly clock: Clock;
  readonly netns: string | undefined;
  readonly limitMax: number;
}

export class HostProblems {
  readonly #parts: Parts;
  #known: readonly HostProblem[] = [];
  /** The texts of `#known`. */
  #logged: readonly string[] = [];
  #limits: LimitsSetting | null = null;
  #checkedAt = -Infinity;
  #obstacle: Obstacle | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The result of the last check; null: none. */
  get obstacle(): Obstacle | null {
    return this.#obstacle;
  }

  /**
   * Checks the host, at most once a second for the same `limits`, and logs new problems.
   * @returns all current problems
   */
  check(limits: LimitsSetting): readonly HostProblem[] {
    const { log, clock, netns, limitMax } = this.#parts;
    const now = clock.now();
    if (limits === this.#limits && now < this.#checkedAt + FRESH_MS) return this.#known;
    const obstacle = findObstacle(netns);
    const found = [...obstacleProblems(obstacle), ...limitProblems(limits, limitMax)];
    const texts = found.map(problemText);
    for (const text of texts) if (!this.#logged.includes(text)) log.warn(text);
    this.#logged = texts;
    this.#obstacle = obstacle;
    this.#known = found;
    this.#limits = limits;
    this.#checkedAt = now;
    return found;
  }
}

/** Says that somebody removes what is ours, and who that may be; once, and again after a peace. */
import { actionText, type Action } from '../plan/action.ts';
import { LEAVE_ENDPOINTS, LEAVE_ROUTING } from '../plan/contest.ts';
import type { Log } from '../system/log.ts';

const PEACE = 60_000;

export class Blame {
  readonly #log: Log;
  #last = -Infinity;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `restored`: what is put back now; `wait`: milliseconds for which the rest is not; null: there is no rest. */
  say(restored: readonly Action[], wait: number | null, now: number): void {
    const often = now < this.#last + PEACE;
    if (restored.length > 0) this.#last = now;
    for (const action of restored) {
      const leave = 'endpoint' in action ? LEAVE_ENDPOINTS : LEAVE_ROUTING;
      const text = `${actionText(action)}: put back, another program removed it; ${leave}`;
      if (often) this.#log.debug(text);
      else this.#log.warn(text);
    }
    if (wait !== null)
      this.#log.debug(`what others keep removing is put back again in ${Math.ceil(wait / 1000)} s`);
  }
}

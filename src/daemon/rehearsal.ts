/** Logs what a dry run would do, each plan once. A dry run continues to watch and executes nothing. */
import type { Outcome } from '../actions/apply.ts';
import { actionText, type Action } from '../plan/action.ts';
import type { Log } from '../system/log.ts';

export class Rehearsal {
  readonly #log: Log;
  #said = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns no outcomes, since nothing is executed */
  say(actions: readonly Action[]): Outcome[] {
    const text = actions.map(actionText).join('\n');
    if (text !== this.#said) for (const action of actions) this.#log.info(`would: ${actionText(action)}`);
    this.#said = text;
    return [];
  }
}

/**
 * Logs the outcomes of actions, and what passes observe. A refusal that repeats at each try is a warning only the first
 * time.
 */
import type { NetlinkError } from '../netlink/error.ts';
import { actionKey, actionText, limitsText, type Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import type { Log } from '../system/log.ts';
import type { Outcome } from '../actions/outcome.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';

type Failures = State['failures'];

/**
 * Logs one outcome.
 * @param failures after the action
 * @param before failures before the action; a reload forgets them
 */
export function logOutcome(
  log: Log,
  { action, error, foreign }: Outcome,
  failures: Failures,
  before: Failures,
): void {
  // A full table is no failure: the uplinks that wait for a slot report it.
  if (error && failures.has(actionKey(action))) logRefused(log, action, error, before);
  else if (error) log.debug(error.message);
  else if (foreign)
    log.warn(`${actionText(action)}: not done, because another program deleted or replaced the endpoint`);
  else log.debug(actionText(action));
}

function logRefused(log: Log, action: Action, error: NetlinkError, before: Failures): void {
  const again = before.get(actionKey(action))?.errno === error.code;
  log[again ? 'debug' : 'warn'](error.message, { action: actionText(action), errno: error.code });
}

/** Logs once each flag that the kernel does not know, and each limit that another program set. */
export function logObservations(log: Log, before: State, now: State, limits: Limits): void {
  const unknown = now.unknownFlags & ~before.unknownFlags;
  if (unknown)
    log.warn(`this kernel does not know the flag ${flagNames(unknown).join(', ')}: it is left out`);
  for (const name of Object.keys(now.raised) as (keyof Limits)[])
    if (now.raised[name]?.foreign && !before.raised[name]?.foreign)
      log.info(
        `limits:${limitsText({ [name]: limits[name] })} was set by another program, and stays while multihomed has endpoints`,
      );
}

/** Logs what a dry run would do. The same actions in a row are logged once. */
export class DryRunLog {
  readonly #log: Log;
  #last = '';

  constructor(log: Log) {
    this.#log = log;
  }

  /** @returns no outcomes, since nothing is executed */
  log(actions: readonly Action[]): Outcome[] {
    const text = actions.map(actionText).join('\n');
    if (text !== this.#last) for (const action of actions) this.#log.info(`would: ${actionText(action)}`);
    this.#last = text;
    return [];
  }
}

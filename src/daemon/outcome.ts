/** Logs the outcomes of actions. A refusal that repeats at each try is logged as a warning only once. */
import type { Outcome } from '../actions/apply.ts';
import type { NetlinkError } from '../netlink/error.ts';
import { actionKey, actionText, type Action } from '../plan/action.ts';
import type { Memory } from '../plan/memory.ts';
import type { Log } from '../system/log.ts';

type Failures = Memory['failures'];

/** `before`: the failures of the last try, without actions that succeeded since or were forgotten by a reload. */
export function sayOutcome(
  log: Log,
  { action, error, foreign }: Outcome,
  failures: Failures,
  before: Failures,
): void {
  // A full table is no fault: the uplinks that wait for a slot report it.
  if (error && failures.has(actionKey(action))) sayRefused(log, action, error, before);
  else if (error) log.debug(error.message);
  else if (foreign) log.warn(`${actionText(action)}: left alone, the endpoint is another program's now`);
  else log.debug(actionText(action));
}

function sayRefused(log: Log, action: Action, error: NetlinkError, before: Failures): void {
  const last = before.get(actionKey(action))?.reason;
  const again = last !== undefined && withoutId(last) === withoutId(error.message);
  log[again ? 'debug' : 'warn'](error.message, { action: actionText(action), errno: error.code });
}

/** An endpoint has a different id at each try. */
const withoutId = (text: string): string => text.replace(/ id \d+/, '');

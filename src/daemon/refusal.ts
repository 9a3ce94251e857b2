/** What the kernel refuses is tried again and again, and said once. */
import type { NetlinkError } from '../netlink/error.ts';
import { actionKey, actionText, type Action } from '../plan/action.ts';
import type { Memory } from '../plan/memory.ts';
import type { Log } from '../system/log.ts';

/** `before`: what was refused at the last try; neither what went well since nor what a reload forgot is among it. */
export function sayRefused(log: Log, action: Action, error: NetlinkError, before: Memory['failures']): void {
  const last = before.get(actionKey(action))?.reason;
  const again = last !== undefined && withoutId(last) === withoutId(error.message);
  log[again ? 'debug' : 'warn'](error.message, { action: actionText(action), errno: error.code });
}

/** The id of an endpoint is another at each try. */
const withoutId = (text: string): string => text.replace(/ id \d+/, '');

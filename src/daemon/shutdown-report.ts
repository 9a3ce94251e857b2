/**
 * The report of the daemon at its end: the objects that stay in place, and the actions that `--once` did not complete.
 */
import { retryAll } from '../actions/transitions.ts';
import { actionKey, actionText } from '../actions/action.ts';
import { flushActions } from '../plan/flush.ts';
import { plan } from '../plan/plan.ts';
import type { Configuration } from '../rules/rule.ts';
import type { PassResult } from './parts.ts';
import { ownedEndpoints } from '../actions/ownership.ts';
import { counted } from '../messages/count.ts';
import { PAUSED } from '../messages/reason.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

const FLUSH = '"multihomed flush" removes everything that multihomed added';

/** One line for the log. `view`: the result of the last pass; null: there was none. */
export function shutdownText(view: PassResult | null): string {
  if (!view) return `ended before the first pass; ${FLUSH}`;
  const { plan: planned, snapshot, state } = view;
  const undone = state.paused ? flushActions(snapshot, state) : planned.actions;
  if (undone.length > 0) return `ended in the middle of a change; ${FLUSH}`;
  const policyRules = snapshot.policyRules.filter((rule) => rule.protocol === RTPROT_MULTIHOMED);
  const endpoints = ownedEndpoints(snapshot, state);
  const total = endpoints.length + snapshot.ownRoutes.length + policyRules.length;
  const counts = [
    { count: endpoints.length, noun: 'endpoint' },
    { count: snapshot.ownRoutes.length, noun: 'route' },
    { count: policyRules.length, noun: 'policy rule' },
  ].flatMap(({ count, noun }) => (count > 0 ? [counted(count, noun)] : []));
  if (counts.length === 0) return 'ended; no object of multihomed is in the kernel';
  const last = counts.pop()!;
  const list = counts.length > 0 ? `${counts.join(', ')} and ${last}` : last;
  return `ended; ${list} ${total === 1 ? 'stays' : 'stay'} in the kernel; ${FLUSH}`;
}

/** One text for each action that was refused or not reached. */
export function unfinished(view: PassResult | null, configuration: Configuration): string[] {
  if (!view) return ['the kernel could not be read'];
  const { snapshot, state } = view;
  if (state.paused) return [PAUSED];
  return plan(snapshot, configuration, retryAll(state)).actions.map(
    (action) => state.failures.get(actionKey(action))?.message ?? actionText(action),
  );
}

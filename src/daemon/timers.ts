/** Sets the timers for passes without an event. */
import { ALL_PARTS, type Part } from '../snapshot/snapshot.ts';
import type { Alarms } from './alarms.ts';
import { CONNECTIONS_AGAIN_MS } from './at-stake.ts';
import { ENDPOINTS_AGAIN, TRY_AGAIN } from './pace.ts';

export interface Times {
  /** By the clock of `now`, in milliseconds; null: no default route expires. */
  readonly expires: number | null;
  /** Milliseconds until an object may be restored; null: none waits. */
  readonly wait: number | null;
  /** Milliseconds until a conflict with another program may be over; null: there is none. */
  readonly until: number | null;
  /** An action was refused and will be tried again. */
  readonly again: boolean;
  /** The open connections were counted. */
  readonly counted: boolean;
}

/** `now`: milliseconds. `wake`: begins a pass that reads these parts. */
export function setTimers(
  alarms: Alarms,
  now: number,
  { expires, wait, until, again, counted }: Times,
  wake: (parts: readonly Part[]) => void,
): void {
  alarms.set('endpoints', ENDPOINTS_AGAIN, () => wake(['endpoints']));
  if (expires === null) alarms.cancel('expiry');
  else alarms.set('expiry', expires - now, () => wake(['routes']));
  // A timer that already runs is not postponed by other events.
  if (again && !alarms.has('again')) alarms.set('again', TRY_AGAIN, () => wake(ALL_PARTS));
  if (until !== null) alarms.set('peace', until, () => wake([]));
  if (counted) alarms.set('connections', CONNECTIONS_AGAIN_MS, () => wake(['endpoints']));
  if (wait !== null) alarms.set('restore', wait, () => wake(['policyRules', 'routes', 'endpoints']));
}

/** When the loop looks again without an event. */
import { ALL_PARTS, type Part } from '../snapshot/snapshot.ts';
import type { Alarms } from './alarms.ts';
import { CONNECTIONS_AGAIN_MS } from './at-stake.ts';
import { ENDPOINTS_AGAIN, TRY_AGAIN } from './pace.ts';

export interface Times {
  /** By the clock of `now`; null: no default route ends. */
  readonly expires: number | null;
  /** Until something may be restored, in milliseconds; null: nothing waits. */
  readonly wait: number | null;
  /** Until what was contested may have ended, in milliseconds; null: nothing is. */
  readonly until: number | null;
  /** Something was refused and is tried again. */
  readonly again: boolean;
  /** Connections were counted. */
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
  // One that runs already is not put off by what else happens.
  if (again && !alarms.has('again')) alarms.set('again', TRY_AGAIN, () => wake(ALL_PARTS));
  if (until !== null) alarms.set('peace', until, () => wake([]));
  if (counted) alarms.set('connections', CONNECTIONS_AGAIN_MS, () => wake(['endpoints']));
  if (wait !== null) alarms.set('restore', wait, () => wake(['policyRules', 'routes', 'endpoints']));
}

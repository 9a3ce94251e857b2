/** Sets the timers for passes without an event. */
import { ALL_PARTS, type SnapshotPart } from '../snapshot/snapshot.ts';
import type { Timers } from './timers.ts';
import { CONNECTIONS_INTERVAL_MS } from './open-connections.ts';
import { ACTION_RETRY_MS, CHECK_INTERVAL_MS, ENDPOINTS_INTERVAL_MS } from './intervals.ts';
import { CLEAN, type Dirty } from '../snapshot/dirty.ts';

export interface WakeTimes {
  /** When a default route expires, by the clock of `now` in milliseconds; null: none does. */
  readonly expires: number | null;
  /** Milliseconds until an object may be restored; null: none waits. */
  readonly wait: number | null;
  /** Milliseconds until a conflict with another program may be over; null: there is none. */
  readonly until: number | null;
  /** An action was refused and will be tried again. */
  readonly again: boolean;
  /** The open connections were counted. */
  readonly counted: boolean;
  /** Look-ups were kept since everything was read. */
  readonly partial: boolean;
}

/**
 * Sets the timers after a pass. `now`: milliseconds by the clock. `wake`: begins a pass that reads these parts.
 * `check`: begins one that reads everything.
 */
export function scheduleWakes(
  timers: Timers,
  now: number,
  { expires, wait, until, again, counted, partial }: WakeTimes,
  wake: (parts: readonly SnapshotPart[], dirty?: Dirty) => void,
  check: () => void,
): void {
  timers.set('endpoints', ENDPOINTS_INTERVAL_MS, () => wake(['endpoints']));
  if (expires === null) timers.cancel('expiry');
  // Look-ups of routes that expire are never kept.
  else timers.set('expiry', expires - now, () => wake(['routes'], CLEAN));
  if (partial && !timers.has('check')) timers.set('check', CHECK_INTERVAL_MS, check);
  // A timer that already runs is not postponed by other events.
  if (again && !timers.has('again')) timers.set('again', ACTION_RETRY_MS, () => wake(ALL_PARTS));
  if (until !== null) timers.set('contested', until, () => wake([]));
  if (counted) timers.set('connections', CONNECTIONS_INTERVAL_MS, () => wake(['endpoints']));
  if (wait !== null) timers.set('restore', wait, () => wake(['policyRules', 'routes', 'endpoints']));
}

/** When a default route from a router advertisement expires. */
import type { DefaultRoute } from '../netlink/route/route.ts';
import type { Snapshot } from './snapshot.ts';

/** Tolerance for an expiry that was read while many other requests were under way. */
const TOLERANCE_MS = 500;

/**
 * Restores the expiry of a route in its last tick. The kernel reports the remaining time in whole ticks (rta_expires,
 * 100 per second), and 0 for a route that never expires; so a route that expires within a tick looks permanent. The
 * previous snapshot shows which of the two it is, if its expiry is near. A route that becomes permanent in its last
 * tick is read a few times too often. `now`: milliseconds by the clock of `before`.
 */
export function inLastTick(
  found: DefaultRoute | null,
  key: string,
  before: Snapshot | null,
  now: number,
): DefaultRoute | null {
  const left = before?.lookups.get(key)?.default?.route.expires ?? null;
  if (!before || !found || found.route.expires !== null || left === null) return found;
  const still = before.lookedUpAt + left * 1000 - now;
  return Math.abs(still) > TOLERANCE_MS
    ? found
    : { ...found, route: { ...found.route, expires: still / 1000 } };
}

/** When a router-advertised default ends. */
import type { DefaultRoute, Snapshot } from './snapshot.ts';

/** How far a time may be off that was read while many others were asked for, in milliseconds. */
const SLACK = 500;

/**
 * The kernel gives the time that is left in whole ticks (rta_expires, 100 a second), and 0 for a route that never ends:
 * one that ends within a tick reads as such. What was said before tells them apart, as long as that end is near; a route
 * that was given no end just then is looked at a few times too often. `now`: milliseconds by the clock of `before`.
 */
export function inLastTick(
  found: DefaultRoute | null,
  key: string,
  before: Snapshot | null,
  now: number,
): DefaultRoute | null {
  const left = before?.answers.get(key)?.default?.route.expires ?? null;
  if (!before || !found || found.route.expires !== null || left === null) return found;
  const still = before.answeredAt + left * 1000 - now;
  return Math.abs(still) > SLACK ? found : { ...found, route: { ...found.route, expires: still / 1000 } };
}

/** Shares the places on the control socket fairly among owners. It is pure: no clock, no socket. */

/** Connections of all owners together, without root's. */
export const MAX_PLACES = 64;
export const MAX_OF_OWNER = 16;
/** Watchers stay connected, so they may not take all places from clients with a single request. */
export const MAX_WATCHERS = 32;
export const MAX_WATCHERS_OF_OWNER = 8;
/** Milliseconds that a connection keeps its place when the new owner has less than two places fewer. */
export const MIN_HOLD_MS = 500;

export interface Place {
  /** See owner.ts; null: root, who needs no share. */
  readonly owner: string | null;
  /** When the place was given, in milliseconds of a monotonic clock. */
  readonly since: number;
  readonly watches: boolean;
}

/** `enter`: there is room once `drop` is closed; null: nothing to close. */
export type Admission<Held> =
  { readonly enter: true; readonly drop: Held | null } | { readonly enter: false };

/**
 * Whether one more connection of `owner` gets a place now. If no place is free, the owner with the most places gives
 * up its oldest connection that does not watch: at once to an owner with at least two places fewer, so that the
 * shares become equal and stay so; otherwise after MIN_HOLD_MS.
 * `now`: milliseconds by the clock of `since`.
 */
export function admit<Held extends Place>(
  places: Iterable<Held>,
  owner: string | null,
  now: number,
): Admission<Held> {
  if (owner === null) return { enter: true, drop: null };
  const shares = sharesOf(places);
  const own = shares.get(owner)?.count ?? 0;
  let taken = 0;
  for (const { count } of shares.values()) taken += count;
  if (own < MAX_OF_OWNER && taken < MAX_PLACES) return { enter: true, drop: null };
  // An owner at its own limit makes room among its own connections.
  const candidates = own < MAX_OF_OWNER ? shares.values() : [shares.get(owner)!];
  const victim = largest(candidates);
  if (!victim) return { enter: false };
  const { count, oldest } = victim;
  const yields = count >= own + 2 || now - oldest.since >= MIN_HOLD_MS;
  return yields ? { enter: true, drop: oldest } : { enter: false };
}

/** Whether one more connection of `owner` may watch. */
export function mayWatch(places: Iterable<Place>, owner: string | null): boolean {
  if (owner === null) return true;
  let [all, own] = [0, 0];
  for (const place of places) {
    if (!place.watches || place.owner === null) continue;
    all++;
    if (place.owner === owner) own++;
  }
  return all < MAX_WATCHERS && own < MAX_WATCHERS_OF_OWNER;
}

interface Share<Held> {
  count: number;
  /** The oldest connection that does not watch; null: none. */
  oldest: Held | null;
}

function sharesOf<Held extends Place>(places: Iterable<Held>): Map<string, Share<Held>> {
  const shares = new Map<string, Share<Held>>();
  for (const place of places) {
    if (place.owner === null) continue;
    const share = shares.get(place.owner) ?? { count: 0, oldest: null };
    shares.set(place.owner, share);
    share.count++;
    if (!place.watches && (share.oldest === null || place.since < share.oldest.since)) share.oldest = place;
  }
  return shares;
}

/** The owner with the most places that has a connection to give up; among equals the one with the oldest connection. */
function largest<Held extends Place>(
  shares: Iterable<Share<Held>>,
): { readonly count: number; readonly oldest: Held } | null {
  let found: { readonly count: number; readonly oldest: Held } | null = null;
  for (const { count, oldest } of shares) {
    if (oldest === null) continue;
    const more =
      found === null || count > found.count || (count === found.count && oldest.since < found.oldest.since);
    if (more) found = { count, oldest };
  }
  return found;
}

/**
 * Bridges short gaps in which a default route is missing while carrier and address remain: DHCP clients
 * and scripts delete it and add it again. Meanwhile the copy in multihomed's own table carries the
 * traffic. The snapshot provides the time.
 */
import { isForSource, throughLink } from '../snapshot/host-route.ts';
import { lookupKey, type RouteLookup, type Snapshot } from '../snapshot/snapshot.ts';
import type { LastLookup, State } from '../actions/state.ts';

/** How long a default route may be missing, in milliseconds. */
export const GAP_MS = 300;

/**
 * The last look-up of each owned endpoint that had a default route, unless that route is missing for too long. By
 * `lookupKey`.
 */
export function observeLookups({ owned, lookups }: State, snapshot: Snapshot): State['lookups'] {
  const observed = new Map<string, LastLookup>();
  for (const { ifindex, address } of owned.values()) {
    const key = lookupKey(ifindex, address);
    const last = lastLookup(lookups.get(key), snapshot.lookups.get(key), ifindex, snapshot);
    if (last) observed.set(key, last);
  }
  const same =
    observed.size === lookups.size && [...observed].every(([key, last]) => lookups.get(key) === last);
  return same ? lookups : observed;
}

/** `now`: undefined if the address or the carrier is lost. @returns null: the path is lost */
function lastLookup(
  known: LastLookup | undefined,
  now: RouteLookup | undefined,
  ifindex: number,
  snapshot: Snapshot,
): LastLookup | null {
  if (!now) return null;
  if (now.default && !(known && isInconsistent(now, ifindex))) {
    const copied = isCopied(now, snapshot);
    return known?.lookup === now && known.copied === copied
      ? known
      : { lookup: now, copied, missingSince: null };
  }
  // The kernel removes all routes of a link that goes down, and the copy with them: then the path is lost.
  if (!known || (known.copied && !isCopied(known.lookup, snapshot))) return null;
  const missingSince = known.missingSince ?? snapshot.lookedUpAt;
  if (snapshot.lookedUpAt - missingSince >= GAP_MS) return null;
  return known.missingSince === null ? { ...known, missingSince } : known;
}

/**
 * Whether the default route of the host's own policy rule changed between two look-ups of one pass: it is present in
 * one and missing in the other.
 */
function isInconsistent({ host, bound, unbound }: RouteLookup, ifindex: number): boolean {
  const through = throughLink(host, ifindex);
  if (!through || !isForSource(through.rule)) return false;
  return [bound, unbound].some(
    (egress) => egress.kind === 'none' || (egress.kind === 'leaves' && !egress.ifindex.includes(ifindex)),
  );
}

/** Whether a table of multihomed has the default route too. */
function isCopied({ default: found }: RouteLookup, { ownRoutes }: Snapshot): boolean {
  if (!found) return false;
  const { family } = found.route;
  return ownRoutes.some(
    (own) =>
      own.family === family &&
      own.prefixLength === 0 &&
      own.hops.some((hop) => hop.ifindex === found.hop.ifindex && hop.gateway === found.hop.gateway),
  );
}

/** A copy of the snapshot in which a default route that is missing for a moment is still present. */
export function bridgeGaps(snapshot: Snapshot, { lookups }: State): Snapshot {
  const missing = [...lookups].filter(([, { missingSince }]) => missingSince !== null);
  if (missing.length === 0) return snapshot;
  const bridged = new Map(snapshot.lookups);
  for (const [key, last] of missing) {
    const now = bridged.get(key);
    if (now) bridged.set(key, bridge(now, last));
  }
  return { ...snapshot, lookups: bridged };
}

/** If multihomed's table has no copy of the route, every look-up has changed, so the whole last look-up is used. */
function bridge(now: RouteLookup, { lookup, copied }: LastLookup): RouteLookup {
  const found = lookup.default!;
  const route = { ...found.route, expires: null };
  return {
    ...(copied ? now : lookup),
    host: lookup.host,
    default: { ...found, route },
    missing: null,
    bridged: true,
  };
}

/** When the first gap is over, by the snapshot's clock in milliseconds; null: there is no gap. */
export function gapEnd({ lookups }: State): number | null {
  const ends = [...lookups.values()].flatMap(({ missingSince }) =>
    missingSince === null ? [] : [missingSince + GAP_MS],
  );
  return ends.length ? Math.min(...ends) : null;
}

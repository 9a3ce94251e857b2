/** Look-ups of the last read that no change since then concerns. */
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import type { Route } from '../netlink/route/route.ts';
import type { Dirty } from './dirty.ts';
import { lookupKey, type Egress, type LookupRequest, type RouteLookup, type Snapshot } from './snapshot.ts';

/** The requests of the last read, by `lookupKey`, and its result. */
export interface LastRead {
  readonly requests: ReadonlyMap<string, LookupRequest>;
  readonly snapshot: Snapshot;
}

/**
 * The requests whose look-ups stay, by `lookupKey`.
 * @param dirty look-ups that may have changed; null: any
 */
export function keptLookups(
  requests: readonly LookupRequest[],
  last: LastRead | null,
  policyRules: readonly PolicyRule[],
  dirty: Dirty | null,
): ReadonlyMap<string, RouteLookup> {
  const kept = new Map<string, RouteLookup>();
  // With suppress_ifgroup a change of one link may change the routes of all.
  if (!last || !dirty || policyRules.some(({ suppressGroup }) => suppressGroup !== null)) return kept;
  for (const request of requests) {
    if (isDirty(request, dirty)) continue;
    const key = lookupKey(request.ifindex, request.address);
    const before = last.requests.get(key);
    const lookup = last.snapshot.lookups.get(key);
    if (before && lookup && isSame(before, request) && isSettled(lookup, request)) kept.set(key, lookup);
  }
  return kept;
}

const isDirty = ({ ifindex, address, table }: LookupRequest, { links, sources, tables }: Dirty): boolean =>
  links.has(ifindex) || sources.has(address) || (table !== null && tables.has(table));

const isSame = (one: LookupRequest, other: LookupRequest): boolean =>
  one.family === other.family &&
  one.prefixLength === other.prefixLength &&
  one.table === other.table &&
  one.length === other.length &&
  one.alone === other.alone &&
  one.tunnel === other.tunnel;

/**
 * Whether the look-up may be kept: main decides about the address, its default route has one hop and no lifetime, and
 * its packets leave by its own table. Anything else is looked up in each pass, because other links or time may change
 * it: the kernel removes an IPv4 route over several links without an event when one of them is deleted.
 */
const isSettled = (lookup: RouteLookup, { table }: LookupRequest): boolean =>
  table !== null &&
  hasLastingDefault(lookup) &&
  leavesBy(lookup.bound, table) &&
  leavesBy(lookup.unbound, table);

const hasLastingDefault = ({ host, default: leading, missing, bridged }: RouteLookup): boolean =>
  host.kind === 'unread' &&
  leading !== null &&
  leading.route.expires === null &&
  leading.route.nexthop === null &&
  leading.route.hops.length === 1 &&
  missing === null &&
  !bridged;

const leavesBy = (egress: Egress, table: number): boolean =>
  egress.kind === 'leaves' && egress.table === table;

/**
 * The tables whose routes of multihomed must be read again.
 * @param wanted tables that may hold such routes
 */
export function dirtyTables(
  wanted: ReadonlySet<number>,
  requests: readonly LookupRequest[],
  last: LastRead,
  dirty: Dirty,
): ReadonlySet<number> {
  const before = [...last.requests.values()];
  const { ownRoutes } = last.snapshot;
  const read = new Set([...before, ...ownRoutes].map(({ table }) => table));
  const found = new Set([...wanted].filter((table) => dirty.tables.has(table) || !read.has(table)));
  for (const { table, hops } of ownRoutes)
    if (hops.some(({ ifindex }) => dirty.links.has(ifindex))) found.add(table);
  for (const request of [...requests, ...before])
    if (request.table !== null && isDirty(request, dirty)) found.add(request.table);
  return found;
}

/**
 * The differences between two reads in multihomed's own routes and in look-ups that may have been kept, as text. Other
 * look-ups may differ without any change: the kernel takes turns between IPv6 routers that do not answer.
 */
export function differences(kept: Snapshot, whole: Snapshot): readonly string[] {
  const found: string[] = [];
  for (const [key, lookup] of whole.lookups) {
    const before = kept.lookups.get(key);
    if (before && hasLastingDefault(before) && lookupText(before) !== lookupText(lookup))
      found.push(`look-up of ${key}: ${lookupText(before)} in place of ${lookupText(lookup)}`);
  }
  const [had, has] = [new Set(kept.ownRoutes.map(routeText)), new Set(whole.ownRoutes.map(routeText))];
  for (const each of had) if (!has.has(each)) found.push(`route that does not exist: ${each}`);
  for (const each of has) if (!had.has(each)) found.push(`route not known: ${each}`);
  return found;
}

function lookupText({ default: leading, missing, onLink, bound, unbound }: RouteLookup): string {
  const hop = leading && { ...leading.hop, metric: leading.route.metric, table: leading.route.table };
  return JSON.stringify([hop, missing, onLink, egressText(bound), egressText(unbound)]);
}

const egressText = (egress: Egress): unknown =>
  egress.kind === 'none' ? [egress.kind, egress.error.code] : egress;

const routeText = ({ family, destination, prefixLength, table, type, hops }: Route): string =>
  JSON.stringify([family, destination, prefixLength, table, type, hops]);

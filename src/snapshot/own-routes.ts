/** Reads multihomed's own routes: at first in every table, later only in tables in which they may have changed. */
import type { Requester } from '../netlink/connection.ts';
import { FAMILIES, type Family } from '../netlink/ip.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { dumpRoutes, isReservedTable, type Route } from '../netlink/route/route.ts';
import type { Dirty } from './dirty.ts';
import { dirtyTables, type LastRead } from './kept-lookup.ts';
import type { LookupRequest } from './snapshot.ts';

export interface InTable {
  readonly family: Family;
  readonly table: number;
}

export interface OwnRouteUses {
  /** null: nothing was read yet. */
  readonly last: LastRead | null;
  readonly requests: readonly LookupRequest[];
  readonly policyRules: readonly PolicyRule[];
  /** Where routes were added since the last read. */
  readonly added: readonly InTable[];
  /** null: every table may have changed. */
  readonly dirty: Dirty | null;
}

const own = { protocol: RTPROT_MULTIHOMED };

/**
 * The first read covers every table, because an earlier run may have used other tables. Later reads ask for a family
 * only in tables where something of that family uses the table.
 * @throws NetlinkError, DecodeError
 */
export async function readOwnRoutes(
  requester: Requester,
  { last, requests, policyRules, added, dirty }: OwnRouteUses,
): Promise<readonly Route[]> {
  if (!last)
    return (await Promise.all(FAMILIES.map((family) => dumpRoutes(requester, { family, ...own })))).flat();
  const families = familiesOf([
    ...last.snapshot.ownRoutes,
    ...[...last.requests.values(), ...requests],
    ...policyRules.filter(({ protocol, table }) => protocol === RTPROT_MULTIHOMED && !isReservedTable(table)),
    ...added,
  ]);
  const tables = new Set(families.keys());
  const read = dirty
    ? new Set([...dirtyTables(tables, requests, last, dirty), ...added.map(({ table }) => table)])
    : tables;
  const dumps = [...read].flatMap((table) =>
    [...(families.get(table) ?? [])].map((family) => dumpRoutes(requester, { family, table, ...own })),
  );
  const kept = last.snapshot.ownRoutes.filter(({ table }) => !read.has(table));
  return [...kept, ...(await Promise.all(dumps)).flat()];
}

/** The families of which each table may have such routes. */
function familiesOf(
  users: readonly { readonly family: Family; readonly table: number | null }[],
): ReadonlyMap<number, ReadonlySet<Family>> {
  const families = new Map<number, Set<Family>>();
  for (const { family, table } of users) {
    if (table === null) continue;
    const known = families.get(table);
    if (known) known.add(family);
    else families.set(table, new Set([family]));
  }
  return families;
}

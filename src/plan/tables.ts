/** Assigns tables to uplinks. A table has one default route per family, so each gateway of a link has its own table. */
import type { Family } from '../netlink/ip.ts';
import type { Route } from '../netlink/route/route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { groupedBy } from './grouped-by.ts';
import { MAX_TABLES, ownTable, TABLE_BASE, TABLE_STEP } from './own-table.ts';
import type { Assessed } from './evaluation.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/**
 * The table of each usable address. `ranked`: in the order of rank. A link's first gateway gets the link's first table,
 * unless a table already has its default route.
 */
export function assignTables(
  ranked: readonly Assessed[],
  snapshot: Snapshot,
): ReadonlyMap<Assessed, number | null> {
  const assigned = new Map<Assessed, number | null>();
  const links = new Map<string, Assessed[]>();
  for (const each of ranked.filter(({ path }) => path)) {
    const { family, selected, table, hostRule } = each.candidate;
    assigned.set(each, table);
    // A number that a rule gives is used as it is, and so is the administrator's own table.
    if (table === null || selected.rule.table !== null || hostRule) continue;
    const key = `${family} ${selected.link.index}`;
    const same = links.get(key);
    if (same) same.push(each);
    else links.set(key, [each]);
  }
  for (const group of links.values()) {
    const { family, selected } = group[0]!.candidate;
    const gateways = [...new Set(group.map(gatewayOf))];
    const tables = tablesOf(gateways, family, selected.link.index, snapshot);
    for (const each of group) assigned.set(each, tables.get(gatewayOf(each)) ?? null);
  }
  return assigned;
}

const gatewayOf = ({ path }: Assessed): string =>
  path?.default ? (path.default.hop.gateway ?? 'link') : 'none';

/** A table that already has the default route is kept, so that nothing changes for the addresses that use it. */
function tablesOf(
  gateways: readonly string[],
  family: Family,
  ifindex: number,
  snapshot: Snapshot,
): ReadonlyMap<string, number> {
  const tables = new Map<string, number>();
  const taken = new Set<number>();
  const assign = (gateway: string, table: number): void => {
    tables.set(gateway, table);
    taken.add(table);
  };
  for (const route of ofLink(snapshot.ownRoutes, ifindex)) {
    const gateway = route.hops[0]?.gateway ?? 'link';
    const isDefault = route.family === family && route.prefixLength === 0;
    if (!isDefault || route.protocol !== RTPROT_MULTIHOMED) continue;
    if (gateways.includes(gateway) && !tables.has(gateway) && !taken.has(route.table))
      assign(gateway, route.table);
  }
  for (const gateway of gateways.filter((each) => !tables.has(each))) {
    const nth = Array.from({ length: MAX_TABLES }, (_, at) => at).find(
      (at) => !taken.has(ownTable(ifindex, at)),
    );
    if (nth !== undefined) assign(gateway, ownTable(ifindex, nth));
  }
  return tables;
}

/** By the link that a table belongs to; null: it is no table of a link. */
const ofLink = groupedBy(({ table }: Route) =>
  table >= TABLE_BASE ? (table - TABLE_BASE) % TABLE_STEP : null,
);

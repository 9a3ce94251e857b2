/**
 * Assigns tables to uplinks. A table has one default route per family, so each
 * gateway of a link has a table of its own.
 */
import type { Family } from '../netlink/ip.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { RTPROT_MULTIHOMED } from '../snapshot/snapshot.ts';
import { MOST_TABLES, ownTable, TABLE_BASE, TABLE_STEP } from './own-table.ts';
import type { Viable } from './uplink.ts';

/**
 * The table of each uplink. `viables`: in the order of rank. A link's first gateway gets the link's first table,
 * unless a table already has its default route.
 */
export function assignTables(
  viables: readonly Viable[],
  snapshot: Snapshot,
): ReadonlyMap<Viable, number | null> {
  const assigned = new Map<Viable, number | null>();
  const links = new Map<string, Viable[]>();
  for (const viable of viables) {
    const { family, selected, table, hostRule } = viable.candidate;
    assigned.set(viable, table);
    // A number that a rule gives is used as it is, and so is the administrator's own table.
    if (table === null || selected.rule.table !== null || hostRule) continue;
    const key = `${family} ${selected.link.index}`;
    const same = links.get(key);
    if (same) same.push(viable);
    else links.set(key, [viable]);
  }
  for (const group of links.values()) {
    const { family, selected } = group[0]!.candidate;
    const gateways = [...new Set(group.map(gatewayOf))];
    const tables = tablesOf(gateways, family, selected.link.index, snapshot);
    for (const viable of group) assigned.set(viable, tables.get(gatewayOf(viable)) ?? null);
  }
  return assigned;
}

const gatewayOf = ({ default: found }: Viable): string => (found ? (found.hop.gateway ?? 'link') : 'none');

/** A table that already has the default route is kept, so that nothing changes for the addresses that use it. */
function tablesOf(
  gateways: readonly string[],
  family: Family,
  ifindex: number,
  snapshot: Snapshot,
): ReadonlyMap<string, number> {
  const tables = new Map<string, number>();
  const taken = new Set<number>();
  const take = (gateway: string, table: number): void => {
    tables.set(gateway, table);
    taken.add(table);
  };
  for (const route of snapshot.ownRoutes) {
    const gateway = route.hops[0]?.gateway ?? 'link';
    const isDefault = route.family === family && route.prefixLength === 0;
    if (!isDefault || route.protocol !== RTPROT_MULTIHOMED || !isOfLink(route.table, ifindex)) continue;
    if (gateways.includes(gateway) && !tables.has(gateway) && !taken.has(route.table))
      take(gateway, route.table);
  }
  for (const gateway of gateways.filter((each) => !tables.has(each))) {
    const nth = Array.from({ length: MOST_TABLES }, (_, at) => at).find(
      (at) => !taken.has(ownTable(ifindex, at)),
    );
    if (nth !== undefined) take(gateway, ownTable(ifindex, nth));
  }
  return tables;
}

const isOfLink = (table: number, ifindex: number): boolean =>
  table >= TABLE_BASE && (table - TABLE_BASE) % TABLE_STEP === ifindex;

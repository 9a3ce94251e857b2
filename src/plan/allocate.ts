/** Fourth step: which uplink has an address and a table, in the order of rank. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { withVerdict, type Assessed } from './evaluation.ts';
import { AddressHolders, claimAddresses } from './holder.ts';
import { assignTables } from './tables.ts';

export interface Allocation {
  /** In the order of rank. */
  readonly allocated: readonly Assessed[];
  readonly holders: AddressHolders;
}

/**
 * Gives each usable address its table. An address that another link has, or that needs another default route in a
 * table that is taken, is in conflict.
 */
export function allocate(
  assessed: readonly Assessed[],
  owned: readonly Endpoint[],
  snapshot: Snapshot,
): Allocation {
  const ranked = rank(assessed);
  const tables = assignTables(ranked, snapshot);
  const withTables = ranked.map((each) => {
    const table = each.path ? (tables.get(each) ?? null) : each.candidate.table;
    return table === each.candidate.table ? each : { ...each, candidate: { ...each.candidate, table } };
  });
  const holders = new AddressHolders(withTables, owned, snapshot);
  return { allocated: claimTables(claimAddresses(withTables, holders, snapshot)), holders };
}

/** By rule, then route metric, then interface index. Equal ones keep their order. */
function rank(assessed: readonly Assessed[]): Assessed[] {
  const metric = ({ path }: Assessed): number => path?.default?.route.metric ?? Infinity;
  return [...assessed].sort((a, b) => {
    const [one, other] = [a.candidate.selected, b.candidate.selected];
    if (one.rank !== other.rank) return one.rank - other.rank;
    return metric(a) === metric(b) ? one.link.index - other.link.index : metric(a) - metric(b);
  });
}

/**
 * A table has one default route per family: that of the better-ranked uplink, on any interface. An uplink that needs a
 * different default route in the same table is in conflict.
 */
function claimTables(assessed: readonly Assessed[]): Assessed[] {
  const holders = new Map<string, Assessed>();
  return assessed.map((each) => {
    const { table, family, hostRule } = each.candidate;
    if (each.verdict || !each.path?.default || table === null || hostRule) return each;
    const holder = holders.get(`${family} ${table}`);
    if (!holder) holders.set(`${family} ${table}`, each);
    if (!holder || hasSameDefault(holder, each)) return each;
    const { address } = holder.candidate.address;
    return withVerdict(each, { state: 'conflict', reason: { code: 'table-taken', table, address } });
  });
}

function hasSameDefault({ path: one }: Assessed, { path: other }: Assessed): boolean {
  return (
    one?.default?.hop.ifindex === other?.default?.hop.ifindex &&
    one?.default?.hop.gateway === other?.default?.hop.gateway
  );
}

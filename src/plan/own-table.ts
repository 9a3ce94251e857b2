/** Numbers of multihomed's tables. */

/** An interface's own table has this number plus the interface index. */
export const TABLE_BASE = 86_840_000;
/** Distance from one table of a link to its next: more than any interface index in use. */
export const TABLE_STEP = 100_000_000;
/** How many tables a link may have, one per gateway. Table numbers have 32 bits, and one more table is the guard's. */
export const MAX_TABLES = 41;

/** The number of a link's `nth` table, from 0. */
export const ownTable = (ifindex: number, nth: number): number => TABLE_BASE + ifindex + nth * TABLE_STEP;

/** The table in which TCP from the link to the networks of split tunnels is refused. */
export const guardTable = (ifindex: number): number => ownTable(ifindex, MAX_TABLES);

/** Numbers of the tables that are managed by multihomed. */

/** An interface's own table: this plus its index. */
export const TABLE_BASE = 86_840_000;
/** From one table of a link to its next: more than any interface index in use. */
export const TABLE_STEP = 100_000_000;
/** Tables of a link, for a gateway each: a table's number has 32 bits, and the last is the guard's. */
export const MOST_TABLES = 41;

/** The `nth` table of a link, from 0. */
export const ownTable = (ifindex: number, nth: number): number => TABLE_BASE + ifindex + nth * TABLE_STEP;

/** For what a split tunnel carries, and what connections of the link are refused. */
export const guardTable = (ifindex: number): number => ownTable(ifindex, MOST_TABLES);

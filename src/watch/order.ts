/** Chooses and sorts the connections that are shown. */
import { total } from './meter.ts';
import type { Connection } from './model.ts';

export const SORTS = ['rate', 'bytes', 'round trip', 'retransmits', 'peer', 'arrival'] as const;
export type Sort = (typeof SORTS)[number];

export const nextSort = (sort: Sort): Sort => SORTS[(SORTS.indexOf(sort) + 1) % SORTS.length]!;

/** Descending by amount; the sort is stable. */
const SORT_VALUE: Record<Exclude<Sort, 'peer' | 'arrival'>, (connection: Connection) => number> = {
  rate: ({ rate }) => total(rate),
  bytes: ({ received, sent }) => received + sent,
  'round trip': ({ rtt }) => rtt ?? -1,
  retransmits: ({ retransmits }) => retransmits,
};

export function arrange(
  connections: readonly Connection[],
  sort: Sort,
  filter: string,
): readonly Connection[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen = words.length === 0 ? connections : connections.filter((each) => matches(each, words));
  if (sort === 'arrival') return chosen;
  if (sort === 'peer')
    return [...chosen].sort(
      (a, b) => compare(a.remote.address, b.remote.address) || a.remote.port - b.remote.port,
    );
  const valueOf = SORT_VALUE[sort];
  return [...chosen].sort((a, b) => valueOf(b) - valueOf(a));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** True when every word occurs in one of the connection's addresses, ports, interfaces or states. */
function matches(connection: Connection, words: readonly string[]): boolean {
  const { local, remote, subflows, fallback } = connection;
  const text = [
    sideText(local),
    sideText(remote),
    fallback ? 'plain tcp' : '',
    ...subflows.map(
      (each) =>
        `${each.interface} ${each.role} ${sideText(each.socket.local)} ${sideText(each.socket.remote)}`,
    ),
  ]
    .join(' ')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

export const sideText = ({ address, port }: { readonly address: string; readonly port: number }): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

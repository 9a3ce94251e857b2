/** The lower part of a frame: connections, each followed by its subflows. */
import { counted } from '../messages/count.ts';
import { shareBar, sparkline } from './chart.ts';
import { cellsOf, choose, head, type Chosen, type Column } from './columns.ts';
import { HISTORY, total } from './meter.ts';
import type { Connection, Rate, Subflow, SubflowRole } from './model.ts';
import { sideText, type Sort } from './order.ts';
import type { ScreenStyle } from './style.ts';
import { hueInk, outside, span, type Ink, type Span } from './text.ts';
import { bytes, compact, roundTrip } from './units.ts';

type Row =
  | { readonly kind: 'connection'; readonly connection: Connection }
  | {
      readonly kind: 'subflow';
      readonly connection: Connection;
      readonly subflow: Subflow;
      readonly last: boolean;
    };

const ROLE_INKS: Record<SubflowRole, Ink> = {
  open: 'good',
  backup: 'dim',
  opening: 'warn',
  closing: 'warn',
  stalled: 'bad',
};

const SORTED_BY: Partial<Record<Sort, string>> = {
  'round trip': 'RTT',
  retransmits: 'RETR',
  peer: 'CONNECTION',
};

/** Returns at most `room` lines, from line `from` of the whole list. Invisible lines are not rendered. */
export function connectionLines(
  connections: readonly Connection[],
  from: number,
  room: number,
  columns: number,
  style: ScreenStyle,
): Span[][] {
  const chosen = choose(connectionColumns(style), columns);
  const lines: Span[][] = [];
  let at = 0;
  for (const connection of connections) {
    const size = 1 + connection.subflows.length;
    if (at + size > from)
      for (const [line, row] of rowsOf(connection).entries())
        if (at + line >= from && lines.length < room) lines.push(rowLine(row, chosen, style));
    at += size;
    if (lines.length >= room) break;
  }
  return lines;
}

export const lineCount = (connections: readonly Connection[]): number =>
  connections.reduce((all, { subflows }) => all + 1 + subflows.length, 0);

export const headLine = (sort: Sort, columns: number, style: ScreenStyle): Span[] =>
  head(choose(connectionColumns(style), columns), SORTED_BY[sort] ?? null, style.glyphs);

function rowsOf(connection: Connection): Row[] {
  const { subflows } = connection;
  return [
    { kind: 'connection', connection },
    ...subflows.map((subflow, at): Row => ({
      kind: 'subflow',
      connection,
      subflow,
      last: at === subflows.length - 1,
    })),
  ];
}

const rowLine = (row: Row, chosen: readonly Chosen<Row>[], { glyphs }: ScreenStyle): Span[] =>
  cellsOf(chosen, row, glyphs);

function connectionColumns(style: ScreenStyle): Column<Row>[] {
  const { glyphs } = style;
  const amount = (
    title: string,
    [least, rank]: readonly [number, number],
    of: (facts: RowValues) => number | null,
    text: (value: number) => string,
  ): Column<Row> => ({
    title,
    ...{ least, most: least, rank, side: 'right' },
    cell: (row) => {
      const value = of(valuesOf(row));
      const ink: Ink = !value ? 'dim' : row.kind === 'connection' ? 'bold' : 'plain';
      return [span(value === null ? '-' : text(value), ink)];
    },
  });
  return [
    {
      title: 'CONNECTION',
      ...{ least: 17, most: 46, rank: 0, side: 'left' },
      cell: (row, room) => label(row, room, style),
    },
    { title: 'STATE', ...{ least: 7, most: 8, rank: 1, side: 'left' }, cell: (row) => [stateOf(row)] },
    {
      title: 'CARRIES',
      ...{ least: 7, most: HISTORY, rank: 4, side: 'left' },
      cell: (row, room) => chart(row, room, style),
    },
    amount('IN/s', [7, 2], ({ rate }) => rate.in, bytes),
    amount('OUT/s', [7, 2], ({ rate }) => rate.out, bytes),
    amount('RECV', [7, 5], ({ received }) => received, bytes),
    amount('SENT', [7, 5], ({ sent }) => sent, bytes),
    amount(
      'RTT',
      [6, 3],
      ({ rtt }) => rtt,
      (value) => roundTrip(value, glyphs),
    ),
    amount('RETR', [5, 5], ({ retransmits }) => retransmits, compact),
  ];
}

interface RowValues {
  readonly rate: Rate;
  readonly received: number;
  readonly sent: number;
  readonly rtt: number | null;
  readonly retransmits: number;
}

function valuesOf(row: Row): RowValues {
  if (row.kind === 'connection') return row.connection;
  const { traffic } = row.subflow.socket;
  return {
    rate: row.subflow.rate,
    received: traffic?.received ?? 0,
    sent: traffic?.acked ?? 0,
    rtt: traffic?.rtt ?? null,
    retransmits: traffic?.retransmits ?? 0,
  };
}

/** Returns the peer's address, and this host's if there is room for both. */
function label(row: Row, room: number, { glyphs }: ScreenStyle): Span[] {
  if (row.kind === 'connection') {
    const local = `${sideText(row.connection.local)} ${glyphs.to} `;
    const remote = sideText(row.connection.remote);
    return [
      ...(local.length + remote.length <= room ? [outside(local, 'dim')] : []),
      outside(remote, 'bold'),
    ];
  }
  const { subflow, last, connection } = row;
  const { local, remote } = subflow.socket;
  const spans = [
    span(`${last ? glyphs.last : glyphs.branch} `, 'dim'),
    outside(subflow.interface, hueInk(subflow.hue)),
    outside(` ${local.address}`, 'plain'),
  ];
  // A subflow may lead to another address of the peer.
  if (remote.address !== connection.remote.address)
    spans.push(outside(` ${glyphs.to} ${remote.address}`, 'dim'));
  return spans;
}

function stateOf(row: Row): Span {
  if (row.kind === 'subflow') {
    const { role, rate } = row.subflow;
    // A backup that carries data is highlighted, because users look for it after they lost a path.
    return span(role, role === 'backup' && total(rate) > 0 ? 'good' : ROLE_INKS[role]);
  }
  const { fallback, usable } = row.connection;
  if (fallback) return span('plain', 'warn');
  if (usable === 0) return span('no path', 'bad');
  return span(counted(usable, 'path'), 'dim');
}

function chart(row: Row, room: number, style: ScreenStyle): Span[] {
  const { subflows } = row.connection;
  if (row.kind === 'connection')
    return shareBar(
      subflows.map(({ hue, rate }) => ({ hue, amount: total(rate) })),
      room,
      style,
    );
  const peak = Math.max(0, ...subflows.flatMap(({ history }) => history.slice(-room)));
  return sparkline(row.subflow.history, peak, room, hueInk(row.subflow.hue), style.glyphs);
}

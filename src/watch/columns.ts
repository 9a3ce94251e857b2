/** Tables that drop columns on a narrow terminal and spread over a wide one. */
import { cutSpans, fit, spansWidth, type Glyphs, type Ink, type Span } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  /** Minimum width in cells. */
  readonly least: number;
  /** Maximum width in cells. */
  readonly most: number;
  /** Columns of a lower rank are dropped later; those of rank 0 never. */
  readonly rank: number;
  readonly side: 'left' | 'right';
  /** Returns spans of at most `room` cells. */
  readonly cell: (row: Row, room: number) => readonly Span[];
}

export interface Chosen<Row> {
  readonly column: Column<Row>;
  readonly room: number;
}

const GAP = 1;

/** Chooses the columns that fit; spare room goes to them in the order of their ranks. */
export function choose<Row>(columns: readonly Column<Row>[], room: number): Chosen<Row>[] {
  const byRank = [...columns].sort((a, b) => a.rank - b.rank);
  const rooms = new Map<Column<Row>, number>();
  let left = room + GAP;
  for (const column of byRank) {
    if (rooms.size > 0 && column.least + GAP > left) break;
    rooms.set(column, Math.min(column.least, Math.max(1, left - GAP)));
    left -= column.least + GAP;
  }
  for (const [column, now] of rooms) {
    const more = Math.max(0, Math.min(left, column.most - now));
    rooms.set(column, now + more);
    left -= more;
  }
  return columns.flatMap((column) => {
    const chosen = rooms.get(column);
    return chosen === undefined ? [] : [{ column, room: chosen }];
  });
}

export function head<Row>(chosen: readonly Chosen<Row>[], sorted: string | null, glyphs: Glyphs): Span[] {
  return chosen.flatMap(({ column, room }, at) => {
    const title = column.title === sorted ? `${column.title}${glyphs.sorted}` : column.title;
    const ink: Ink = column.title === sorted ? 'bold' : 'dim';
    return [gap(at), { text: fit(title, room, glyphs.ellipsis, column.side), ink }];
  });
}

export function cellsOf<Row>(chosen: readonly Chosen<Row>[], row: Row, glyphs: Glyphs): Span[] {
  return chosen.flatMap(({ column, room }, at) => {
    const spans = cutSpans(column.cell(row, room), room, glyphs);
    const space: Span = { text: ' '.repeat(room - spansWidth(spans)), ink: 'plain' };
    return column.side === 'left' ? [gap(at), ...spans, space] : [gap(at), space, ...spans];
  });
}

const gap = (at: number): Span => ({ text: at === 0 ? '' : ' '.repeat(GAP), ink: 'plain' });

/** Lines and tables that are no wider than a terminal. Pure: widths are in cells, as `cells` counts them. */
import { cells } from '../watch/text.ts';

/** Whole sentences are of no use in a column of fewer cells. */
const LEAST_LAST = 24;
/** A column of fewer cells is not wrapped within itself. */
const LEAST_ROOM = 10;

/** Marks of colours inside a text, which take no cell; see print.ts. */
export const MARKS = /(?<![\ud800-\udbff])[\udc00-\udc7f]/g;
/** A line that holds it is a command to paste, and is never folded. */
export const WHOLE = '\udc7f';

export function widthOf(text: string): number {
  let width = 0;
  for (const character of text.replace(MARKS, '')) width += cells(character);
  return width;
}

/** Each line in as many as it needs; a continuation begins under the text behind a sign or a gap. */
export function fold(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => (line.includes(WHOLE) || widthOf(line) <= width ? [line] : foldLine(line, width)))
    .join('\n');
}

/** The text of one cell in lines of at most `width` cells. */
const wrap = (text: string, width: number): string[] => pour(text, '', width);

const foldLine = (line: string, width: number): string[] => pour(line, hanging(line, width), width);

/** The indentation of continuations: behind a sign (`✗ text`), behind the first gap (`name  text`), or two more cells. */
function hanging(line: string, width: number): string {
  const plain = line.replace(MARKS, '');
  const [start] = /^ *(?:[^\s\w"'([/-] )?/.exec(plain) ?? [''];
  const [gap = ''] = /^ *\S+(?: \S+)* {2,}/.exec(plain) ?? [];
  const behind = gap !== '' && widthOf(gap) <= width - LEAST_LAST ? widthOf(gap) : 0;
  const own = start.endsWith(' ') && start.trim() !== '' ? widthOf(start) : start.length + 2;
  return ' '.repeat(behind || Math.min(own, Math.floor(width / 2)));
}

/** Breaks at spaces; a word that is wider than a line is cut where the line ends. */
function pour(text: string, indent: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  const end = (): void => {
    lines.push(line.trimEnd());
    line = indent;
    used = indent.length;
  };
  for (const part of text.split(/(?<= )(?! )/)) {
    const needed = widthOf(part.trimEnd());
    if (used + needed > width && line.trim() !== '') end();
    if (used + needed <= width) {
      line += part;
      used += widthOf(part);
      continue;
    }
    for (const character of part) {
      const own = widthOf(character);
      if (used + own > width && line.trim() !== '') end();
      line += character;
      used += own;
    }
  }
  if (line.trim() !== '') lines.push(line.trimEnd());
  return lines;
}

const GAP = 2;
export interface TableOptions {
  /** Cells; null: as many as it needs. */
  readonly width: number | null;
  /** Titles of columns that a narrow terminal does without, the first to go first. */
  readonly drop?: readonly string[];
  /** Colours for a cell that has its width already. */
  readonly paint?: (text: string, title: string, row: number) => string;
}

/** The first row has the titles. The last column is wrapped within itself; others go, by `drop`, where there is no room. */
export function tableText(rows: readonly (readonly string[])[], options: TableOptions): string {
  const { width, drop = [], paint = (text) => text } = options;
  const titles = rows[0] ?? [];
  let kept = titles.map((_, column) => column);
  const widest = (column: number): number => Math.max(...rows.map((row) => widthOf(row[column] ?? '')));
  const before = (): number => kept.slice(0, -1).reduce((sum, column) => sum + widest(column) + GAP, 0);
  const last = titles.length - 1;
  if (width !== null)
    for (const title of drop)
      if (before() + Math.min(widest(last), LEAST_LAST) > width)
        kept = kept.filter((column) => titles[column] !== title);
  const room = width === null ? Infinity : Math.max(LEAST_ROOM, width - before());
  return rows
    .flatMap((row, at) => {
      const lines = kept.map((column, place) => {
        const cell = row[column] ?? '';
        return place === kept.length - 1 && widthOf(cell) > room ? wrap(cell, room) : [cell];
      });
      const height = Math.max(...lines.map((each) => each.length));
      return Array.from({ length: height }, (_, line) =>
        kept
          .map((column, place) => {
            const cell = lines[place]?.[line] ?? '';
            const fill = place === kept.length - 1 ? 0 : Math.max(0, widest(column) - widthOf(cell));
            return paint(cell + ' '.repeat(fill), titles[column] ?? '', at);
          })
          .join(' '.repeat(GAP))
          .trimEnd(),
      );
    })
    .join('\n');
}

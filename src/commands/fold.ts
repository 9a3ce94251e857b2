/** Folds lines and tables to a terminal's width. Pure. Widths are in cells, as `cells` counts them. */
import { cells } from '../watch/text.ts';

/** Minimum width of a column of sentences, in cells. */
const MIN_LAST = 24;
/** A narrower column is not wrapped within itself. In cells. */
const MIN_ROOM = 10;

/** Colour marks inside a text, which take no cell; see print.ts. */
export const MARKS = /(?<![\ud800-\udbff])[\udc00-\udc7f]/g;
/** Marks a line as a command to paste, which is never folded. */
export const WHOLE = '\udc7f';

export function widthOf(text: string): number {
  let width = 0;
  for (const character of text.replace(MARKS, '')) width += cells(character);
  return width;
}

/** Breaks each line into as many as it needs. A continuation is indented to the text after a sign or a gap. */
export function fold(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => (line.includes(WHOLE) || widthOf(line) <= width ? [line] : foldLine(line, width)))
    .join('\n');
}

/** Breaks the text of one cell into lines of at most `width` cells. */
const wrap = (text: string, width: number): string[] => breakLine(text, '', width);

const foldLine = (line: string, width: number): string[] =>
  breakLine(line, hangingIndent(line, width), width);

/**
 * The indentation of continuations: to the text after a sign (`✗ text`) or the first gap (`name  text`), otherwise two
 * cells more than the line's own.
 */
function hangingIndent(line: string, width: number): string {
  const plain = line.replace(MARKS, '');
  const [start] = /^ *(?:[^\s\w"'([/-] )?/.exec(plain) ?? [''];
  const [gap = ''] = /^ *\S+(?: \S+)* {2,}/.exec(plain) ?? [];
  const behind = gap !== '' && widthOf(gap) <= width - MIN_LAST ? widthOf(gap) : 0;
  const own = start.endsWith(' ') && start.trim() !== '' ? widthOf(start) : start.length + 2;
  return ' '.repeat(behind || Math.min(own, Math.floor(width / 2)));
}

/** Breaks at spaces. A word that is wider than a line is cut at the end of the line. */
function breakLine(text: string, indent: string, width: number): string[] {
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
  /** Width in cells; null for as many as the table needs. */
  readonly width: number | null;
  /** Titles of columns that are dropped on a narrow terminal, in the order in which they are dropped. */
  readonly drop?: readonly string[];
  /** Colours a cell that has its final width. */
  readonly paint?: (text: string, title: string, row: number) => string;
}

/**
 * The first row has the titles. When the table is too wide, columns are dropped by `drop` and the last column is
 * wrapped.
 */
export function tableText(rows: readonly (readonly string[])[], options: TableOptions): string {
  const { width, drop = [], paint = (text) => text } = options;
  const titles = rows[0] ?? [];
  let kept = titles.map((_, column) => column);
  const widest = (column: number): number => Math.max(...rows.map((row) => widthOf(row[column] ?? '')));
  const before = (): number => kept.slice(0, -1).reduce((sum, column) => sum + widest(column) + GAP, 0);
  const last = titles.length - 1;
  if (width !== null)
    for (const title of drop)
      if (before() + Math.min(widest(last), MIN_LAST) > width)
        kept = kept.filter((column) => titles[column] !== title);
  const room = width === null ? Infinity : Math.max(MIN_ROOM, width - before());
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

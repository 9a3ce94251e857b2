/** Standard output and standard error: everything that a command prints goes through `print` and `complain`. */
import { printableLines } from '../system/printable.ts';

/** Codes of SGR, ECMA-48 8.3.117: on and off. */
const SGR = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
type Colour = keyof typeof SGR;

/** NO_COLOR (no-color.org) and a terminal decide; FORCE_COLOR has no effect. */
const COLOURED = process.stdout.isTTY === true && !process.env['NO_COLOR'];

/**
 * A colour inside a text is a lone surrogate until it is written: no name from the kernel, a file or the command line
 * can hold one, since Node decodes their bytes as UTF-8.
 */
const FIRST_MARK = 0xdc00;
const mark = (code: number): string => String.fromCharCode(FIRST_MARK + code);
const MARKS = /(?<![\ud800-\udbff])[\udc00-\udc3f]/g;

const paint =
  (name: Colour) =>
  (text: string): string =>
    COLOURED && text !== '' ? mark(SGR[name][0]) + text + mark(SGR[name][1]) : text;

export const colours: Readonly<Record<Colour, (text: string) => string>> = {
  bold: paint('bold'),
  dim: paint('dim'),
  red: paint('red'),
  green: paint('green'),
  yellow: paint('yellow'),
  cyan: paint('cyan'),
};

/** The text without its colours. */
export const uncoloured = (text: string): string => text.replace(MARKS, '');

/** As it is written: unfit characters escaped, colours as SGR. */
export function rendered(text: string): string {
  if (!COLOURED) return printableLines(text);
  let written = '';
  let from = 0;
  for (const { 0: found, index } of text.matchAll(MARKS)) {
    written += `${printableLines(text.slice(from, index))}\u001b[${found.charCodeAt(0) - FIRST_MARK}m`;
    from = index + 1;
  }
  return written + printableLines(text.slice(from));
}

/** On standard output, with a line feed at the end. */
export function print(text: string): void {
  process.stdout.write(`${rendered(text)}\n`);
}

/** On standard error, likewise. */
export function complain(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
}

/** Columns as wide as their widest cell; the last one as it is. Lengths are those without colour. */
export function table(
  rows: readonly (readonly string[])[],
  paintCell = (text: string, _column: number, _row: number) => text,
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row, at) =>
      row
        .map((cell, column) =>
          paintCell(column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0), column, at),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

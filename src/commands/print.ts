/** Standard output and standard error: everything that a command prints goes through `print` and `complain`. */
import type { WriteStream } from 'node:tty';
import { printableLines } from '../system/printable.ts';
import { fold, MARKS, tableText, WHOLE } from './fold.ts';

/** SGR codes to switch an attribute on and off, ECMA-48 8.3.117. */
const SGR = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
type Colour = keyof typeof SGR;

/** Depends on NO_COLOR (no-color.org) and on a terminal; FORCE_COLOR has no effect. */
const COLOURED = process.stdout.isTTY === true && !process.env['NO_COLOR'];

/**
 * Until it is written, a colour inside a text is a lone surrogate. No name from the kernel, a file or the command
 * line can contain one, since Node decodes their bytes as UTF-8.
 */
const FIRST_MARK = 0xdc00;
const mark = (code: number): string => String.fromCharCode(FIRST_MARK + code);
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

/** Marks a command to paste. It is on a line of its own and is never folded. */
export const commandLine = (text: string): string => (process.stdout.isTTY ? WHOLE + text : text);

type OutputStream = NodeJS.WriteStream & Partial<Pick<WriteStream, 'columns'>>;

/** Cells in a line of the terminal; null without a terminal, when nothing is folded or cut. */
const widthOfOutput = ({ isTTY, columns }: OutputStream): number | null =>
  isTTY && columns ? columns : null;

/** Escapes unprintable characters. On a terminal the marks are kept, which no text from outside can contain. */
function escaped(text: string, { isTTY }: OutputStream): string {
  if (!isTTY) return printableLines(text);
  const marks = text.match(MARKS) ?? [];
  return text
    .split(MARKS)
    .map((part, at) => printableLines(part) + (marks[at] ?? ''))
    .join('');
}

const asSgr = (text: string): string =>
  text.replace(MARKS, (found) => (found === WHOLE ? '' : `\u001b[${found.charCodeAt(0) - FIRST_MARK}m`));

/** Returns the text as it is written: unprintable characters escaped, lines folded to the terminal, colours as SGR. */
export function rendered(text: string, output: OutputStream = process.stdout): string {
  const width = widthOfOutput(output);
  const safe = escaped(text, output);
  return asSgr(width === null ? safe : fold(safe, width));
}

/** Prints to standard output with a line feed at the end. */
export function print(text: string): void {
  process.stdout.write(`${rendered(text)}\n`);
}

/** Prints text for programs, such as JSON and scripts, whose lines are never folded. */
export function printExact(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** Prints to standard error; otherwise like `print`. */
export function complain(text: string): void {
  process.stderr.write(`${rendered(text, process.stderr)}\n`);
}

/**
 * Returns a table no wider than the terminal. `drop` lists the titles of columns to drop when there is no room, in this
 * order; the last column is wrapped.
 */
export const table = (
  rows: readonly (readonly string[])[],
  paintCell = (text: string, _title: string, _row: number) => text,
  drop: readonly string[] = [],
): string => tableText(rows, { width: widthOfOutput(process.stdout), drop, paint: paintCell });

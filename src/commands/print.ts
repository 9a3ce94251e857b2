/** Standard output and standard error: everything that a command prints goes through `print` and `complain`. */
import type { WriteStream } from 'node:tty';
import { printableLines } from '../system/printable.ts';
import { fold, MARKS, tableText, WHOLE } from './fold.ts';

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

/** A command to paste: on a line of its own, it is never folded. */
export const commandLine = (text: string): string => (process.stdout.isTTY ? WHOLE + text : text);

type Output = NodeJS.WriteStream & Partial<Pick<WriteStream, 'columns'>>;

/** Cells in a line of the terminal; null: none is there, and nothing is folded or cut. */
const widthOfOutput = ({ isTTY, columns }: Output): number | null => (isTTY && columns ? columns : null);

/** Unfit characters escaped; on a terminal the marks stay, which no text from outside can hold. */
function escaped(text: string, { isTTY }: Output): string {
  if (!isTTY) return printableLines(text);
  const marks = text.match(MARKS) ?? [];
  return text
    .split(MARKS)
    .map((part, at) => printableLines(part) + (marks[at] ?? ''))
    .join('');
}

const asSgr = (text: string): string =>
  text.replace(MARKS, (found) => (found === WHOLE ? '' : `\u001b[${found.charCodeAt(0) - FIRST_MARK}m`));

/** As it is written: unfit characters escaped, no line wider than the terminal, colours as SGR. */
export function rendered(text: string, output: Output = process.stdout): string {
  const width = widthOfOutput(output);
  const safe = escaped(text, output);
  return asSgr(width === null ? safe : fold(safe, width));
}

/** On standard output, with a line feed at the end. */
export function print(text: string): void {
  process.stdout.write(`${rendered(text)}\n`);
}

/** For programs: JSON and scripts, whose lines are never folded. */
export function printExact(text: string): void {
  process.stdout.write(`${printableLines(text)}\n`);
}

/** On standard error, as `print` does. */
export function complain(text: string): void {
  process.stderr.write(`${rendered(text, process.stderr)}\n`);
}

/**
 * As wide as the terminal at most. `drop`: titles of columns that it does without where they have no room, the first to go
 * first; the last column is wrapped.
 */
export const table = (
  rows: readonly (readonly string[])[],
  paintCell = (text: string, _title: string, _row: number) => text,
  drop: readonly string[] = [],
): string => tableText(rows, { width: widthOfOutput(process.stdout), drop, paint: paintCell });

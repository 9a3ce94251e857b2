/** Lines of coloured spans, cut and padded to terminal cells before the colours are added. */
import { eastAsianWidth } from 'get-east-asian-width';
import pc from 'picocolors';
import { printable } from '../system/printable.ts';

export type Ink = 'plain' | 'bold' | 'dim' | 'good' | 'warn' | 'bad' | 'bar' | `path${number}`;

export interface Span {
  readonly text: string;
  readonly ink: Ink;
}

export const span = (text: string, ink: Ink = 'plain'): Span => ({ text, ink });

/** Every text from outside this program must pass through this function. */
export const outside = (text: string, ink: Ink = 'plain'): Span => ({ text: printable(text), ink });

/** East Asian wide characters and emoji take two cells (UAX 11), combining marks none (wcwidth(3)). */
export function cells(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  return /\p{M}/u.test(character) ? 0 : eastAsianWidth(code);
}

export function width(text: string): number {
  let all = 0;
  for (const character of text) all += cells(character);
  return all;
}

/** Cuts a text to at most `room` cells; a cut text ends in `ellipsis`. */
export function cut(text: string, room: number, ellipsis: string): string {
  if (width(text) <= room) return text;
  const left = room - width(ellipsis);
  if (left < 0) return ''.padEnd(Math.max(0, room), '.');
  let kept = '';
  let used = 0;
  for (const character of text) {
    used += cells(character);
    if (used > left) break;
    kept += character;
  }
  return kept + ellipsis;
}

/** Cuts or pads a text to exactly `room` cells. */
export function fit(text: string, room: number, ellipsis: string, side: 'left' | 'right' = 'left'): string {
  const short = cut(text, room, ellipsis);
  const space = ' '.repeat(Math.max(0, room - width(short)));
  return side === 'left' ? short + space : space + short;
}

export interface Glyphs {
  readonly ellipsis: string;
  readonly levels: readonly string[];
  readonly branch: string;
  readonly last: string;
  readonly in: string;
  readonly out: string;
  readonly to: string;
  readonly dot: string;
  readonly sorted: string;
  readonly arrows: string;
  readonly unicode: boolean;
}

export const UNICODE: Glyphs = {
  ellipsis: '…',
  levels: [...'▁▂▃▄▅▆▇█'],
  branch: '├─',
  last: '└─',
  in: '↓',
  out: '↑',
  to: '→',
  dot: '●',
  sorted: '▾',
  arrows: '↑↓',
  unicode: true,
};

export const ASCII: Glyphs = {
  ellipsis: '~',
  levels: [...'_.-:=+*#'],
  branch: '|-',
  last: '`-',
  in: 'in',
  out: 'out',
  to: '->',
  dot: '*',
  sorted: '*',
  arrows: 'up/down',
  unicode: false,
};

export type Painter = (text: string, ink: Ink) => string;

const PATHS = ['cyan', 'magenta', 'blue', 'yellowBright', 'greenBright', 'redBright'] as const;
export const HUES = PATHS.length;
export const hueInk = (hue: number): Ink => `path${hue % HUES}`;

export function painter({ colour }: { readonly colour: boolean }): Painter {
  const colours = pc.createColors(colour);
  const inks: Partial<Record<Ink, (text: string) => string>> = {
    bold: colours.bold,
    dim: colours.dim,
    good: colours.green,
    warn: colours.yellow,
    bad: (text) => colours.bold(colours.red(text)),
    bar: colours.inverse,
  };
  PATHS.forEach((name, at) => (inks[`path${at}`] = colours[name]));
  return (text, ink) => (text === '' ? '' : (inks[ink]?.(text) ?? text));
}

/** Cuts spans to at most `room` cells. */
export function cutSpans(spans: readonly Span[], room: number, glyphs: Glyphs): Span[] {
  const kept: Span[] = [];
  let left = room;
  for (const { text, ink } of spans) {
    if (left <= 0) break;
    const short = cut(text, left, glyphs.ellipsis);
    left -= width(short);
    kept.push({ text: short, ink });
  }
  return kept;
}

export const spansWidth = (spans: readonly Span[]): number =>
  spans.reduce((all, { text }) => all + width(text), 0);

/** Renders one line of at most `room` cells. */
export function render(spans: readonly Span[], room: number, paint: Painter, glyphs: Glyphs): string {
  return cutSpans(spans, room, glyphs)
    .map(({ text, ink }) => paint(text, ink))
    .join('');
}

/** Draws one whole screen from the model and the user's choices. Pure. */
import { counted } from '../messages/count.ts';
import { connectionLines, headLine, lineCount } from './connections.ts';
import { helpLines } from './help.ts';
import type { Model } from './model.ts';
import { arrange } from './order.ts';
import { changeLines, pathLines } from './paths.ts';
import type { ScreenStyle } from './style.ts';
import { fit, outside, render, span, spansWidth, type Span } from './text.ts';
import { perSecond } from './units.ts';
import { clampOffset, type Page, type ScreenView } from './view.ts';

export interface Size {
  readonly columns: number;
  /** Height in rows. null for files and pipes: no limit, and no keys either. */
  readonly rows: number | null;
}

export interface Frame extends Page {
  /** Lines without line ends. On a screen, as many as it has rows, each within its columns. */
  readonly text: readonly string[];
}

/** Maximum number of connection lines in a frame without a height. */
const MAX_UNBOUNDED_LINES = 40;

export function frame(model: Model, view: ScreenView, { columns, rows }: Size, style: ScreenStyle): Frame {
  const line = (spans: readonly Span[]): string => render(spans, columns, style.paint, style.glyphs);
  const title = barLine(titleSpans(model, columns, style), titleEnd(model, style), columns, style);
  const height = rows ?? Infinity;
  if (view.help) {
    const text = [title, '', ...helpLines(style.glyphs).map(line)].slice(0, height - 1);
    return {
      lines: 0,
      total: 0,
      text: closed(text, barLine([span(' ? back   q quit')], [], columns, style), height),
    };
  }
  const above = upperPart(model, columns, height, style);
  const shown = arrange(model.connections, view.sort, view.filter);
  const total = lineCount(shown);
  const heading = [listTitle(model, shown.length, view, style), headLine(view.sort, columns, style)];
  const room = rows === null ? MAX_UNBOUNDED_LINES : Math.max(0, height - 2 - above.length - heading.length);
  const page = { lines: room, total };
  const offset = clampOffset(view.offset, page);
  const list = connectionLines(shown, offset, room, columns, style);
  const text = [title, ...[...above, ...heading, ...list].map(line)];
  if (rows === null) {
    if (total > room) text.push(`and ${total - room} more lines`);
    return { ...page, text };
  }
  return {
    ...page,
    text: closed(text, footer(view, { offset, lines: list.length, total }, columns, style), height),
  };
}

/** Fills the text up to the height and puts the last line at the bottom. */
function closed(text: readonly string[], last: string, height: number): string[] {
  const body = text.slice(0, Math.max(0, height - 1));
  if (height === Infinity) return [...body, last];
  return [...body, ...Array<string>(Math.max(0, height - 1 - body.length)).fill(''), last].slice(-height);
}

/** The paths, their changes and problems; at most half of the screen. */
function upperPart(model: Model, columns: number, height: number, style: ScreenStyle): Span[][] {
  const airy = height >= 16;
  const half = height === Infinity ? Infinity : Math.max(2, Math.floor((height - 4) / 2));
  const problems = model.problems
    .slice(0, height < 16 ? 1 : 3)
    .map((each) => [span('! ', 'bad'), outside(each, 'bad')]);
  const paths = pathLines(model, columns, Math.max(2, half - problems.length), style);
  const changes = changeLines(
    model,
    height === Infinity ? 5 : Math.min(height >= 30 ? 4 : 1, half - paths.length),
    style,
  );
  const gap: Span[][] = airy ? [[]] : [];
  return [
    ...gap,
    ...problems,
    ...paths,
    ...(changes.length > 0 && height >= 30 ? [[]] : []),
    ...changes,
    ...gap,
  ];
}

function titleSpans(model: Model, columns: number, { glyphs }: ScreenStyle): Span[] {
  const active = model.paths.filter(({ state }) => state === 'active').length;
  const uplinks = model.paths.filter(({ state }) => state !== 'no uplink').length;
  const what = `${active} of ${counted(uplinks, 'uplink')} active`;
  if (columns < 72) return [span(` ${what}${model.daemon ? '' : ', no daemon'}`, 'bar')];
  return [span(` multihomed${glyphs.unicode ? '  ' : ': '}${what}, ${model.source} `, 'bar')];
}

const titleEnd = ({ rate }: Model, { glyphs }: ScreenStyle): Span[] => [
  span(` ${glyphs.in} ${perSecond(rate.in)}  ${glyphs.out} ${perSecond(rate.out)} `, 'bar'),
];

function listTitle(model: Model, shown: number, view: ScreenView, { glyphs }: ScreenStyle): Span[] {
  const all = model.connections.length;
  const what = `${view.filter === '' ? '' : `${shown} of `}${counted(all, 'connection')}`;
  const filter = view.filter === '' ? '' : `, filter ${JSON.stringify(view.filter)}`;
  return [
    span(what, 'bold'),
    outside(`, by ${view.sort}${filter}`, 'dim'),
    span(all === 0 ? ` ${glyphs.unicode ? '·' : '-'} no MPTCP connection is open` : '', 'dim'),
  ];
}

function footer(
  view: ScreenView,
  seen: { readonly offset: number; readonly lines: number; readonly total: number },
  columns: number,
  style: ScreenStyle,
): string {
  const { glyphs } = style;
  const { offset, lines, total } = seen;
  const range = total > lines ? [span(` ${offset + 1}-${offset + lines} of ${total} `, 'bar')] : [];
  if (view.typing) {
    const hint = 'Enter keeps it, Esc shows all';
    return barLine(
      [outside(` filter: ${view.filter}_`, 'bar'), span(`   ${hint}`, 'bar')],
      range,
      columns,
      style,
    );
  }
  const keys = ` q quit  s sort  f filter  ${glyphs.arrows} scroll  ? help`;
  return barLine([span(keys, 'bar')], range, columns, style);
}

/** When the two ends do not both fit, the right one is dropped. */
function barLine(
  start: readonly Span[],
  end: readonly Span[],
  columns: number,
  { paint, glyphs }: ScreenStyle,
): string {
  const left = start.map(({ text }) => text).join('');
  const right = end.map(({ text }) => text).join('');
  const room = columns - spansWidth(end);
  if (room < Math.min(24, columns)) return paint(fit(left, columns, glyphs.ellipsis), 'bar');
  return paint(fit(left, room, glyphs.ellipsis) + right, 'bar');
}

/** The upper part of a frame: the state and rate of each path. */
import { counted } from '../messages/count.ts';
import { sparkline } from './chart.ts';
import { cellsOf, choose, head, type Column } from './columns.ts';
import { HISTORY } from './meter.ts';
import { share } from './sample.ts';
import type { Model, PathRow } from './model.ts';
import type { ScreenStyle } from './style.ts';
import { hueInk, outside, span, type Ink, type Span } from './text.ts';
import { ago, perSecond, roundTrip } from './units.ts';

export function stateInk(state: string): Ink {
  if (state === 'active') return 'good';
  if (state === 'conflict' || state === 'failed') return 'bad';
  return state === 'ignored' || state === 'no uplink' ? 'dim' : 'warn';
}

/** A suspect path is usually back within seconds, so its state has its age: `suspect 1.2 s`. */
function stateText({ state, age }: PathRow): string {
  return state === 'suspect' && age !== null
    ? `${state} ${roundTrip(age * 1000, { unicode: false })}`
    : state;
}

/** Returns at most `room` lines. Reasons are shown only when those of all paths fit. */
export function pathLines(model: Model, columns: number, room: number, style: ScreenStyle): Span[][] {
  const { paths } = model;
  if (paths.length === 0) return [[span(`  ${emptyText(model)}`, 'dim')]];
  const chosen = choose(pathColumns(model, style), columns - 2);
  const detailed = paths.length * 2 + 1 <= room;
  const fitting = detailed
    ? paths.length
    : Math.max(1, Math.min(paths.length, room - (paths.length >= room ? 2 : 1)));
  const lines = [[span('  '), ...head(chosen, null, style.glyphs)]];
  for (const path of paths.slice(0, fitting)) {
    const mark = span(`${style.glyphs.dot} `, stateInk(path.state));
    lines.push([mark, ...cellsOf(chosen, path, style.glyphs)]);
    if (detailed) lines.push(detailLine(path, style));
  }
  const more = paths.length - fitting;
  if (more > 0) lines.push([span(`  and ${more} more`, 'dim')]);
  return lines;
}

function pathColumns(model: Model, { glyphs }: ScreenStyle): Column<PathRow>[] {
  const peak = Math.max(0, ...model.paths.flatMap(({ history }) => history));
  const rate = (title: string, of: (path: PathRow) => number, ink: Ink): Column<PathRow> => ({
    title,
    ...{ least: 9, most: 9, rank: 1, side: 'right' },
    cell: (path) => [span(perSecond(of(path)), of(path) === 0 ? 'dim' : ink)],
  });
  return [
    {
      title: 'PATH',
      ...{ least: 9, most: 15, rank: 0, side: 'left' },
      cell: (path) => [outside(path.interface, hueInk(path.hue))],
    },
    {
      title: 'STATE',
      ...{ least: 9, most: 16, rank: 0, side: 'left' },
      cell: (path) => [outside(stateText(path), stateInk(path.state))],
    },
    {
      title: 'CARRIES',
      ...{ least: 7, most: HISTORY, rank: 2, side: 'left' },
      cell: (path, room) => sparkline(path.history, peak, room, hueInk(path.hue), glyphs),
    },
    {
      title: 'SHARE',
      ...{ least: 5, most: 5, rank: 3, side: 'right' },
      cell: (path) => {
        const part = Math.round(share(path.rate, model.rate) * 100);
        return [span(`${part} %`, part === 0 ? 'dim' : 'plain')];
      },
    },
    rate(`IN${glyphs.unicode ? ` ${glyphs.in}` : ''}`, (path) => path.rate.in, 'plain'),
    rate(`OUT${glyphs.unicode ? ` ${glyphs.out}` : ''}`, (path) => path.rate.out, 'plain'),
  ];
}

/** The reason comes before the kernel objects, because it matters more when the line is cut. */
function detailLine(path: PathRow, { glyphs }: ScreenStyle): Span[] {
  const spans = [span('  ')];
  if (path.address !== null) spans.push(outside(path.address), span('  '));
  spans.push(outside(path.reason, path.state === 'active' ? 'dim' : stateInk(path.state)));
  if (path.detail !== '') spans.push(outside(`${glyphs.unicode ? ' · ' : '; '}${path.detail}`, 'dim'));
  return spans;
}

const emptyText = ({ ignored, isRead }: Model): string =>
  !isRead
    ? 'reading the state'
    : ignored > 0
      ? `no uplink; ${counted(ignored, 'address')} ignored by rules`
      : 'no rule selects an interface';

export function changeLines(model: Model, room: number, { glyphs }: ScreenStyle): Span[][] {
  return model.changes
    .slice(0, Math.max(0, room))
    .map(({ at, hue, what, before, after }) => [
      span(`  ${ago(model.at - at).padStart(10)}  `, 'dim'),
      outside(what, hueInk(hue)),
      span(' '),
      outside(before, 'dim'),
      span(` ${glyphs.to} `, 'dim'),
      outside(after, after === 'gone' || after === 'new' ? 'plain' : stateInk(after)),
    ]);
}

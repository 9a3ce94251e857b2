/** Draws rates in single lines: a sparkline for the history, a bar for the shares. */
import type { ScreenStyle } from './style.ts';
import { hueInk, span, type Glyphs, type Ink, type Span } from './text.ts';

/** Draws the newest sample at the right edge. Zero is a dim base line; any other rate is at least one step above it. */
export function sparkline(
  history: readonly number[],
  peak: number,
  room: number,
  ink: Ink,
  glyphs: Glyphs,
): Span[] {
  const { levels } = glyphs;
  const [base = ' '] = levels;
  const recent = history.slice(-room);
  const spans: Span[] = [];
  const put = (text: string, of: Ink): void => {
    const last = spans.at(-1);
    if (last?.ink === of) spans[spans.length - 1] = span(last.text + text, of);
    else spans.push(span(text, of));
  };
  for (let empty = room - recent.length; empty > 0; empty--) put(base, 'dim');
  for (const value of recent) {
    const level = value <= 0 || peak <= 0 ? 0 : Math.max(1, Math.round((value / peak) * (levels.length - 1)));
    put(levels[Math.min(level, levels.length - 1)]!, level === 0 ? 'dim' : ink);
  }
  return spans;
}

/** Without colours, these strokes distinguish the paths. */
const STROKES = [...'━═╌┄'];

/** Draws one bar divided in proportion to its parts. The largest remainders are rounded up, so that the bar is full. */
export function shareBar(
  parts: readonly { readonly hue: number; readonly amount: number }[],
  room: number,
  { glyphs, colour }: Pick<ScreenStyle, 'glyphs' | 'colour'>,
): Span[] {
  const all = parts.reduce((sum, { amount }) => sum + amount, 0);
  if (all <= 0) return [span((glyphs.unicode ? '·' : '.').repeat(room), 'dim')];
  const exact = parts.map(({ amount }) => (amount / all) * room);
  const cells = exact.map(Math.floor);
  const order = exact.map((_, at) => at).sort((a, b) => exact[b]! - cells[b]! - (exact[a]! - cells[a]!));
  let left = room - cells.reduce((sum, each) => sum + each, 0);
  for (const at of order) if (left-- > 0) cells[at]!++;
  return parts.map(({ hue }, at) => {
    const shade = !glyphs.unicode ? '#=+-'[hue % 4]! : STROKES[colour ? 0 : hue % 4]!;
    return span(shade.repeat(cells[at]!), hueInk(hue));
  });
}

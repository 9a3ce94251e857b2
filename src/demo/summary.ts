/** The summary at the end: the stall of each scene, and how much each path carried. */
import { paintOf } from './uplink-table.ts';
import type { EndFact, FigureFact, SceneFact } from './fact.ts';
import { figureText } from './timeline.ts';
import { megabytes, type OutputStyle } from './style.ts';

const BAR = 40;

export function summaryLines(
  end: EndFact,
  scenes: readonly SceneFact[],
  figures: readonly FigureFact[],
  style: OutputStyle,
): string[] {
  const { colours, bar } = style;
  const lines = ['', colours.bold('Summary')];
  for (const { name, text } of scenes) {
    const texts = figures.filter(({ scene }) => scene === name).map(figureText);
    if (texts.length === 0) continue;
    lines.push(` ${text.padEnd(29)} ${colours.green(texts[0]!)}`);
    for (const more of texts.slice(1)) lines.push(` ${''.padEnd(29)} ${colours.green(more)}`);
  }
  const most = Math.max(...Object.values(end.links).map(({ received }) => received));
  lines.push('');
  for (const [name, { received }] of Object.entries(end.links)) {
    const length = Math.max(1, Math.round((received / most) * BAR));
    lines.push(
      ` ${colours.bold(name.padEnd(6))} ${paintOf(name, colours)(bar.repeat(length).padEnd(BAR))} ${megabytes(received).padStart(8)}`,
    );
  }
  const whole = end.received === end.sent;
  const seconds = (end.duration / 1000).toFixed(1);
  lines.push(
    '',
    whole
      ? ` ${megabytes(end.received)} in ${seconds} s over one connection: every byte received once and in order.`
      : colours.red(` ${end.received} of ${end.sent} bytes received.`),
    colours.dim(' Nothing on this host was changed; the private network ends with this program.'),
  );
  return lines;
}

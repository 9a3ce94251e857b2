/**
 * Draws how the cost of an uplink grows with the number of uplinks: `node bench/chart.mjs JSON > docs/growth.svg`, with
 * the file of `node bench/run.mjs --json JSON`. Both axes are logarithmic.
 */
import { readFileSync } from 'node:fs';

const SIZE = { width: 760, height: 420, left: 70, right: 250, top: 40, bottom: 50 };
const COUNTS = [10, 100, 1000];
/** The rows after `N uplinks: `; each has a colour that is readable on white and on black, and a shape. */
const SERIES = [
  { row: 'start → all policy rules', colour: '#d9730d', shape: 'circle' },
  { row: 'link set down → endpoint gone', colour: '#8f6fd6', shape: 'square' },
  { row: 'CPU for one more plug', colour: '#1f9d6b', shape: 'triangle' },
  { row: 'one more plug → policy rule', colour: '#2f81d6', shape: 'diamond' },
];

const written = (count) => count.toLocaleString('en-US');
const valueOf = (rows, subject, row, count) =>
  rows.find((each) => each.row === `${written(count)} uplinks: ${row}` && each.subject === subject)?.median;

/** Lines to draw: one for each row of multihomed, and a dashed one for the floor where it was measured. */
function linesOf(rows) {
  return SERIES.flatMap((series) =>
    ['multihomed', 'floor'].map((subject) => ({
      ...series,
      subject,
      points: COUNTS.map((count) => [count, valueOf(rows, subject, series.row, count)]).filter(
        ([, value]) => value > 0 && Number.isFinite(value),
      ),
    })),
  ).filter(({ points }) => points.length > 0);
}

function scales(lines) {
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
  const [low, high] = [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ];
  const plot = { right: SIZE.width - SIZE.right, bottom: SIZE.height - SIZE.bottom };
  return {
    ...{ low, high, plot },
    x: (count) => SIZE.left + 20 + ((Math.log10(count) - 1) / 2) * (plot.right - SIZE.left - 40),
    y: (value) => plot.bottom - ((Math.log10(value) - low) / (high - low)) * (plot.bottom - SIZE.top),
  };
}

const text = (x, y, words, more = '') => `<text x="${round(x)}" y="${round(y)}" ${more}>${words}</text>`;
const round = (value) => Math.round(value * 10) / 10;

function axes({ low, high, plot, x, y }) {
  const powers = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at));
  return [
    ...powers.flatMap((power) => [
      `<path class="grid" d="M${SIZE.left} ${round(y(power))}H${plot.right}"/>`,
      text(
        SIZE.left - 8,
        y(power) + 4,
        power >= 1000 ? written(power) : String(Number(power.toPrecision(1))),
        'text-anchor="end"',
      ),
    ]),
    ...COUNTS.map((count) => text(x(count), plot.bottom + 20, written(count), 'text-anchor="middle"')),
    text((SIZE.left + plot.right) / 2, plot.bottom + 40, 'uplinks', 'text-anchor="middle"'),
    text(SIZE.left - 8, SIZE.top - 16, 'ms', 'text-anchor="end"'),
  ];
}

const SHAPES = {
  circle: (x, y) => `<circle cx="${x}" cy="${y}" r="4"/>`,
  square: (x, y) => `<rect x="${round(x - 3.6)}" y="${round(y - 3.6)}" width="7.2" height="7.2"/>`,
  triangle: (x, y) => `<path d="M${x} ${round(y - 5)}l5 8.6h-10z"/>`,
  diamond: (x, y) => `<path d="M${x} ${round(y - 5.4)}l5.4 5.4l-5.4 5.4l-5.4 -5.4z"/>`,
};

function drawn({ points, colour, shape, subject }, { x, y }) {
  const places = points.map(([count, value]) => [round(x(count)), round(y(value))]);
  const path = `<path fill="none" stroke-width="2" d="M${places.map((place) => place.join(' ')).join('L')}"${
    subject === 'floor' ? ' stroke-dasharray="2 5"' : ''
  }/>`;
  const marks = subject === 'floor' ? [] : places.map(([left, top]) => SHAPES[shape](left, top));
  return `<g stroke="${colour}" fill="${colour}">${path}${marks.join('')}</g>`;
}

/** The names of the lines, sorted by the height of their right ends and moved apart, so that none covers another. */
function legend(lines, { y, plot }) {
  const named = lines.filter(({ subject }) => subject === 'multihomed');
  const ends = named
    .map((line) => ({ ...line, at: y(line.points.at(-1)[1]) + 4 }))
    .sort((a, b) => a.at - b.at);
  for (const [n, end] of ends.entries()) if (n > 0) end.at = Math.max(end.at, ends[n - 1].at + 18);
  return ends.map(({ row, colour, at }) => text(plot.right + 8, at, row, `fill="${colour}"`));
}

function svg(rows) {
  const lines = linesOf(rows);
  if (lines.length === 0)
    throw new Error('no rows of growth: run `node bench/run.mjs --json FILE` with them');
  const scale = scales(lines);
  const { width, height } = SIZE;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Cost by the number of uplinks">`,
    '<style>text{font:13px sans-serif}text:not([fill]){fill:#57606a}.grid{stroke:#8b949e;stroke-opacity:.3}',
    '@media(prefers-color-scheme:dark){text:not([fill]){fill:#adb5bd}}</style>',
    ...axes(scale),
    ...lines.map((line) => drawn(line, scale)),
    ...legend(lines, scale),
    text(SIZE.left, 18, 'multihomed (solid) and the floor in C (dotted); medians, both axes logarithmic'),
    '</svg>',
  ].join('\n');
}

const [, , file] = process.argv;
if (file === undefined) {
  console.error('usage: node bench/chart.mjs JSON > docs/growth.svg');
  process.exitCode = 64;
} else console.log(svg(JSON.parse(readFileSync(file, 'utf8')).rows));

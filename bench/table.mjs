/** Turns values into medians, percentiles and ratios, and these into text. */

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** One entry for each row and subject, with its ratio to every other subject of the row. A value may be infinite. */
export function summaries(results) {
  const groups = grouped(results);
  const all = [...groups.values()].map((each) => {
    const sorted = each.map(({ value }) => value).sort((a, b) => a - b);
    const { row, unit, subject } = each[0];
    return {
      ...{ row, unit, subject, count: sorted.length },
      ...{ median: at(sorted, 0.5), p95: at(sorted, 0.95), min: sorted[0], max: sorted.at(-1) },
    };
  });
  return all.map((each) => {
    const others = all.filter(
      ({ row, subject, median }) => row === each.row && subject !== each.subject && median > 0,
    );
    const ratios = Object.fromEntries(
      others
        .map(({ subject, median }) => [subject, each.median / median])
        .filter(([, ratio]) => Number.isFinite(ratio)),
    );
    return { ...each, ratios };
  });
}

function grouped(results) {
  const groups = new Map();
  for (const each of results) {
    const key = `${each.row}\n${each.subject}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return groups;
}

/** Formats a value with three digits; Infinity: the change had no effect in time. */
export const number = (value) => {
  if (value === Infinity) return 'never';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
};

/** A Markdown table: a line for each row and subject. */
export function table(rows) {
  const order = [...new Set(rows.map(({ row }) => row))];
  const lines = order.flatMap((row) => rows.filter((each) => each.row === row).map(lineOf));
  return [
    '| what | program | median | p95 | min | max | values | to the floor | to others | target |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

function lineOf({ row, unit, subject, median, p95, min, max, count, ratios, target }) {
  const { floor, ...others } = ratios;
  const cells = [
    `${row}${unit ? ` (${unit})` : ''}`,
    subject,
    ...[median, p95, min, max].map(number),
    count,
    floor === undefined ? '' : `${number(floor)} ×`,
    Object.entries(others)
      .map(([name, ratio]) => `${number(ratio)} × ${name}`)
      .join(', '),
    target === undefined ? '' : targetOf(target),
  ];
  return `| ${cells.join(' | ')} |`;
}

const targetOf = ({ limit, ratio, reached }) =>
  `${ratio === null ? number(limit) : `${number(ratio)} × (${number(limit)})`}: ${reached ? 'reached' : 'missed'}`;

/** The lines above the table. */
export function heading({ processor, kernel, node, multihomed, commit, versions, missing, seconds }) {
  return [
    `multihomed ${multihomed} (${commit}), Node ${node}, Linux ${kernel}, ${processor}; ${seconds} s`,
    ...Object.entries(versions).map(([name, version]) => `${name}: ${version}`),
    ...missing.map((each) => `not installed, so not compared: ${each}`),
    '',
  ].join('\n');
}

/** Turns values into medians, percentiles and ratios, and these into text. */

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

/** One entry for each row and subject, with its ratio to every other subject of the row. */
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
    const ratios = Object.fromEntries(others.map(({ subject, median }) => [subject, each.median / median]));
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

const number = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** A Markdown table: a line for each row and subject. */
export function table(rows, { processor, kernel, node, multihomed, commit, missing }) {
  const order = [...new Set(rows.map(({ row }) => row))];
  const lines = order.flatMap((row) =>
    rows
      .filter((each) => each.row === row)
      .map(({ unit, subject, median, p95, min, max, ratios }) => {
        const cells = [median, p95, min, max].map(number);
        const against = Object.entries(ratios).map(([name, ratio]) => `${number(ratio)} × ${name}`);
        return `| ${row}${unit ? ` (${unit})` : ''} | ${subject} | ${cells.join(' | ')} | ${against.join(', ')} |`;
      }),
  );
  return [
    `multihomed ${multihomed} (${commit}), Node ${node}, Linux ${kernel}, ${processor}`,
    ...missing.map((each) => `not installed, so not compared: ${each}`),
    '',
    '| what | program | median | p95 | min | max | ratio |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** Standard output: text for a person, with colour only where one looks. */
import pc from 'picocolors';

/** NO_COLOR (no-color.org) and a terminal decide; FORCE_COLOR is for none. */
export const colours = pc.createColors(process.stdout.isTTY === true && !process.env['NO_COLOR']);

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Columns as wide as their widest cell; the last one as it is. Lengths are those without colour. */
export function table(
  rows: readonly (readonly string[])[],
  paint = (text: string, _column: number, _row: number) => text,
): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row, at) =>
      row
        .map((cell, column) =>
          paint(column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0), column, at),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

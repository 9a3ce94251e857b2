/** Escape sequences (console_codes(4), xterm's ctlseqs) for an alternate screen on which only changes are drawn. */

/** Alternate screen, cursor hidden, no wrapping at the right edge. */
export const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[H\u001b[2J';
/** The inverse of ENTER. It also resets colours, in case a line was cut short. */
export const LEAVE = '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l';
const CLEAR = '\u001b[H\u001b[2J';
const CLEAR_LINE = '\u001b[2K';

/** @param before the lines on the screen; null when they are unknown */
export function difference(before: readonly string[] | null, after: readonly string[]): string {
  const lines = after.map((text, at) =>
    // The line is cleared before it is written, because after a full line the cursor is still on its last cell.
    before !== null && before[at] === text
      ? ''
      : `\u001b[${at + 1};1H${before === null ? '' : CLEAR_LINE}${text}`,
  );
  for (let at = after.length; at < (before?.length ?? 0); at++)
    lines.push(`\u001b[${at + 1};1H${CLEAR_LINE}`);
  return (before === null ? CLEAR : '') + lines.join('');
}

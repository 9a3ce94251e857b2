/**
 * Text that came from outside, made fit for one line of a terminal or a log: an interface's name or a file may hold
 * any byte, and neither may move the cursor, split a line or turn the text around.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)?.toString(16).padStart(4, '0') ?? ''}`,
  );
}

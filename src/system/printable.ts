/**
 * Makes text safe for a terminal, a log and a JSON string. An interface's name or a file may contain any byte, and
 * none of them may move the cursor, split a line or reverse the direction of text.
 */

/** Control and format characters, lone surrogates, and the two separators that some programs treat as line ends. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Returns one line. Unsafe characters become `\uXXXX`, which JSON reads back as the character itself. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escaped);

/** Returns lines: line feeds and tabs are kept. */
export const printableLines = (text: string): string =>
  text.replace(UNPRINTABLE, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );

/** A character beyond U+FFFF becomes two code units, as in JSON (RFC 8259 section 7). */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

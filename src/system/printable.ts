/**
 * Text fit for a terminal, a log and a JSON string: an interface's name or a file may hold any byte, and none of them may
 * move the cursor, split a line or turn the text around.
 */

/** Control and format characters, lone surrogates, and the two separators that some programs take for a line's end. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One line: what is unfit becomes `\uXXXX`, which JSON reads back as the character itself. */
export const printable = (text: string): string => text.replace(UNFIT, escaped);

/** Lines: line feeds and tabs stay. */
export const printableLines = (text: string): string =>
  text.replace(UNFIT, (character) =>
    character === '\n' || character === '\t' ? character : escaped(character),
  );

/** A character beyond U+FFFF is two units, as in JSON (RFC 8259 section 7). */
function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
  ).join('');
}

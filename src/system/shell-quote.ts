/** Commands for a person to paste into a shell: lists of words until they are printed, and quoted here alone. */

/** One program with its arguments. */
export interface Command {
  readonly argv: readonly string[];
  /** File that takes its standard output, and is made anew; omitted: none. */
  readonly output?: string;
}

/** Commands in their order; each runs only if those before it succeeded. */
export type Remedy = readonly Command[];

/** What a POSIX shell takes as it is. No `~`, `#` or `=`: at the start of a word they mean something. */
const PLAIN = /^[\w./@%+:,-][\w./@%+=:,-]*$/;
/** What a terminal does not show: controls, format characters that turn a line around, line separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * One word as a shell takes it, whatever is in it. What a terminal does not show is written in octal within `$'…'`, which
 * bash, ksh, zsh and POSIX.1-2024 know; there is no other quote in it, so that an older shell takes it for harmless text.
 */
export function quoteWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (!INVISIBLE.test(word)) return `'${word.replaceAll("'", `'\\''`)}'`;
  const escaped = [...word].map((character) =>
    INVISIBLE.test(character) || character === "'" || character === '\\'
      ? [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
      : character,
  );
  return `$'${escaped.join('')}'`;
}

export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');

/** A file as an argument: a name that begins with `-` is no option. */
export const fileArgument = (path: string): string => (path.startsWith('-') ? `./${path}` : path);

/** @returns null where a word cannot be written: bytes that were no UTF-8 are lost in it, and it would name another thing */
export function remedyText(remedy: Remedy | null): string | null {
  if (remedy === null || remedy.length === 0) return null;
  const words = remedy.flatMap(({ argv, output }) => [...argv, ...(output === undefined ? [] : [output])]);
  if (words.some((word) => /[\0\uFFFD]|\p{Cs}/u.test(word))) return null;
  return remedy
    .map(
      ({ argv, output }) =>
        quoteWords(argv) + (output === undefined ? '' : ` > ${quoteWord(fileArgument(output))}`),
    )
    .join(' && ');
}

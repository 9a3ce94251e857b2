/** Commands for people to paste into a shell: lists of words that are quoted only here, when they are printed. */

/** One program with its arguments. */
export interface Command {
  readonly argv: readonly string[];
  /** File to which standard output is redirected; it is overwritten. Omitted for none. */
  readonly output?: string;
}

/** Commands in their order; each runs only if the previous ones succeeded. */
export type Remedy = readonly Command[];

/** Words that a POSIX shell takes literally. `~`, `#` and `=` are left out, because they are special at the start. */
const PLAIN = /^[\w./@%+:,-][\w./@%+=:,-]*$/;
/** Characters that a terminal does not show: controls, format characters that reverse text, line separators. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * Quotes one word for a shell; it may contain any character. Characters that a terminal does not show are written in
 * octal within `$'…'`, which bash, ksh, zsh and POSIX.1-2024 support. There is no other quote in it, so that an older
 * shell reads it as harmless text.
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

/** A command line of quoted words. */
export const quoteWords = (words: readonly string[]): string => words.map(quoteWord).join(' ');

/** Returns a file as an argument that is not read as an option when its name begins with `-`. */
export const fileArgument = (path: string): string => (path.startsWith('-') ? `./${path}` : path);

/** @returns null when a word cannot be written: it lost bytes that were not UTF-8, so it would name another object */
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

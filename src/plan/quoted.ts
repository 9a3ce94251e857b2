/** A word as a POSIX shell takes it, whatever is in it: an interface's name may hold all but a slash and blanks. */
export function quoted(word: string): string {
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

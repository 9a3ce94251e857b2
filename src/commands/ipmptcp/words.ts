/** Parses words of the command line like iproute2: keywords by any unique prefix, numbers in C's notation. */
import { isIPv4, isIPv6 } from 'node:net';
import { nearest } from '../../rules/nearest.ts';
import { ExitError, EXIT } from '../exit.ts';

export const wrong = (message: string): ExitError => new ExitError(EXIT.usage, message);

/** Returns the only one of `names` that begins with `word`, or is `word`; null when there are none or several. */
export function byPrefix<T extends string>(word: string, names: readonly T[]): T | null {
  if (word === '') return null;
  const exact = names.find((name) => name === word);
  const matching = names.filter((name) => name.startsWith(word));
  return exact ?? (matching.length === 1 ? matching[0]! : null);
}

/** Returns the error for a word that is not valid in its place. @param place such as `endpoint add` */
export function unknownWord(word: string, names: readonly string[], place: string): ExitError {
  const several = names.filter((name) => word !== '' && name.startsWith(word));
  const near = nearest(word, names);
  const hint =
    several.length > 1
      ? `; could be ${several.join(' or ')}`
      : near === null
        ? `; known are ${names.join(', ')}`
        : `; did you mean ${near}?`;
  return wrong(`${place}: unknown word ${JSON.stringify(word)}${hint}\n(see multihomed ${place} --help)`);
}

/** Parses a number like strtoul(3) with base 0: decimal, 0x or octal. @throws ExitError with what was expected */
export function wholeNumber(word: string, least: number, most: number, what: string): number {
  const digits = /^\+?(?:0x([0-9a-f]+)|(0[0-7]*)|([1-9]\d*))$/i.exec(word);
  const [, hexadecimal, octal, decimal] = digits ?? [];
  const value = hexadecimal
    ? Number.parseInt(hexadecimal, 16)
    : octal
      ? Number.parseInt(octal, 8)
      : Number(decimal);
  if (digits && value >= least && value <= most) return value;
  throw wrong(`${what} must be a number from ${least} to ${most}, not ${JSON.stringify(word)}`);
}

/** Requires the full notation. ip(8) also accepts `10.1` and `any`, which are usually mistakes. */
export const isAddress = (word: string): boolean => isIPv4(word) || (isIPv6(word) && !word.includes('%'));

/** Reads words one after the other. */
export class Words {
  readonly #words: readonly string[];
  readonly #place: string;
  #at = 0;

  constructor(words: readonly string[], place: string) {
    this.#words = words;
    this.#place = place;
  }

  next(): string | undefined {
    return this.#words[this.#at++];
  }

  /** Returns the word after a keyword. */
  value(keyword: string): string {
    const word = this.next();
    if (word === undefined) throw wrong(`${this.#place}: ${keyword} needs a value`);
    return word;
  }
}

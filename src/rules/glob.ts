/**
 * Globs over names of interfaces and drivers. `*` matches any characters, `?` matches one, `[a-z0]` one of these and
 * `[!a-z]` one other character; `\` escapes the next character and `|` separates alternatives. Nothing else is
 * special, because a kernel name may contain any byte but `/` and white space (dev_valid_name), including braces and
 * parentheses.
 */
import { quote } from './problem.ts';

export interface Glob {
  /** The only name that matches, when the glob has no wildcard; otherwise null. */
  readonly literal: string | null;
  /** A normal form that does not depend on how characters were escaped. Equal forms match the same names. */
  readonly canonical: string;
  /** The parts of each alternative. */
  readonly atoms: readonly (readonly Atom[])[];
  matches(name: string): boolean;
}

export interface GlobProblem {
  readonly found: string;
  readonly expected: string;
}

const MAX_LENGTH = 256;

/** The last UTF-16 code unit. The expressions do not have the `u` flag, so they match code units. */
const LAST = 0xffff;

/** Each further `*` multiplies the steps needed to match a name of 127 characters (ALTIFNAMSIZ). */
const MAX_STARS = 4;

/** One character within these ranges of UTF-16 code units, or any number of any characters. */
export type Atom = 'any' | readonly (readonly [low: number, high: number])[];

/** One character or one star of an alternative, with its pattern in normal form. */
type Part = { readonly atom: Atom } & ({ readonly literal: string } | { readonly pattern: string });

/** Whether `parseGlob` succeeded. */
export function isGlob(answer: Glob | GlobProblem): answer is Glob {
  return 'canonical' in answer;
}

/** Parses a glob of at most 256 characters. Returns what is wrong with an invalid one; never throws. */
export function parseGlob(text: string): Glob | GlobProblem {
  if (text.trim() === '') return { found: 'an empty glob', expected: 'the name of an interface or driver' };
  if (text.length > MAX_LENGTH) {
    return { found: `a glob of ${text.length} characters`, expected: `at most ${MAX_LENGTH}` };
  }
  const parsed: Part[][] = [];
  for (const alternative of split(text)) {
    const parts = scan(alternative.trim());
    if ('found' in parts) return parts;
    parsed.push(parts);
  }
  const [first = []] = parsed;
  const literal = parsed.length === 1 && first.every((part) => 'literal' in part);
  const patterns = parsed.map((parts) => parts.map((part) => patternOf(part)).join(''));
  const expressions = parsed.map((parts) => new RegExp(`^(?:${parts.map(sourceOf).join('')})$`));
  return {
    literal: literal ? first.map((part) => ('literal' in part ? part.literal : '')).join('') : null,
    canonical: patterns.join('|'),
    atoms: parsed.map((parts) => parts.map(({ atom }) => atom)),
    matches: (name) => expressions.some((regex) => regex.test(name)),
  };
}

/** Splits at each `|` that is neither escaped nor in brackets. */
function split(text: string): string[] {
  const alternatives: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '[') at = classEnd(text, at) ?? at;
    else if (text[at] === '|') {
      alternatives.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...alternatives, text.slice(from)];
}

function scan(text: string): Part[] | GlobProblem {
  if (text === '') return { found: 'an empty alternative', expected: 'a name before and after each "|"' };
  if (/[\s/]/.test(text)) {
    return {
      found: `${quote(text)}, with "/" or white space in it`,
      expected: 'the name of an interface or driver',
    };
  }
  const parts: Part[] = [];
  let stars = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? '';
    if (character === '*') {
      // Two stars in a row mean the same as one.
      if (isStar(parts.at(-1))) continue;
      parts.push({ pattern: '*', atom: 'any' });
      if (++stars > MAX_STARS) {
        return { found: `more than ${MAX_STARS} "*" in ${quote(text)}`, expected: `at most ${MAX_STARS}` };
      }
    } else if (character === '?') {
      parts.push({ pattern: '?', atom: [[0, LAST]] });
    } else if (character === '[') {
      const end = classEnd(text, at);
      if (end === null)
        return { found: `"[" without "]" in ${quote(text)}`, expected: '"[...]", or "\\[" for itself' };
      const pattern = characterClass(text.slice(at + 1, end));
      if ('found' in pattern) return pattern;
      parts.push(pattern);
      at = end;
    } else if (character === '\\') {
      const next = text[++at];
      if (next === undefined)
        return { found: `"\\" at the end of ${quote(text)}`, expected: 'a character after it' };
      parts.push(literalPart(next));
    } else {
      parts.push(literalPart(character));
    }
  }
  return parts;
}

function isStar(part: Part | undefined): boolean {
  return part !== undefined && 'pattern' in part && part.pattern === '*';
}

/** Returns the index of the `]` that closes the class opened at `open`. The first character of a class may be `]`. */
function classEnd(text: string, open: number): number | null {
  let at = open + 1;
  if (text[at] === '!' || text[at] === '^') at++;
  for (let first = true; at < text.length; at++, first = false) {
    if (text[at] === '\\') at++;
    else if (text[at] === ']' && !first) return at;
  }
  return null;
}

function characterClass(inner: string): Part | GlobProblem {
  const negated = /^[!^]/.test(inner);
  const characters = inner.slice(negated ? 1 : 0).match(/\\[^]|[^]/g) ?? [];
  let pattern = '';
  const ranges: [number, number][] = [];
  for (let at = 0; at < characters.length; at++) {
    const low = unescape(characters[at]);
    if (characters[at + 1] !== '-' || at + 2 >= characters.length) {
      pattern += escape(low);
      ranges.push([low.charCodeAt(0), low.charCodeAt(0)]);
      continue;
    }
    const high = unescape(characters[(at += 2)]);
    if (high < low) return { found: `the range "${low}-${high}"`, expected: 'the lower character first' };
    pattern += `${escape(low)}-${escape(high)}`;
    ranges.push([low.charCodeAt(0), high.charCodeAt(0)]);
  }
  return { pattern: `[${negated ? '^' : ''}${pattern}]`, atom: negated ? complement(ranges) : ranges };
}

function complement(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const rest: [number, number][] = [];
  let from = 0;
  for (const [low, high] of [...ranges].sort(([a], [b]) => a - b)) {
    if (low > from) rest.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  return from > LAST ? rest : [...rest, [from, LAST]];
}

function literalPart(literal: string): Part {
  const code = literal.charCodeAt(0);
  return { literal, atom: [[code, code]] };
}

function unescape(character = ''): string {
  return character.length > 1 ? character.slice(1) : character;
}

function patternOf(part: Part): string {
  return 'literal' in part ? escape(part.literal) : part.pattern;
}

/** Writes everything but letters and digits as a code, because a regular expression gives most signs a meaning. */
function escape(character: string): string {
  if (/^[A-Za-z0-9]$/.test(character)) return character;
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** The part as the source of a regular expression. A class is written the same way there. */
function sourceOf(part: Part): string {
  const pattern = patternOf(part);
  if (isStar(part)) return '[^]*';
  return 'pattern' in part && pattern === '?' ? '[^]' : pattern;
}

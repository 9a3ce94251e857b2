/** Decides whether globs leave any name for another glob to match: inclusion of their languages, by automata. */
import type { Atom, Glob } from './glob.ts';

/** The remaining steps. They are limited because a configuration of ten thousand rules must not delay a reload. */
export interface SearchBudget {
  steps: number;
}

/** True for a character that a name may contain: not NUL, a slash or white space (dev_valid_name). */
const isName = (code: number): boolean => code > 0 && code !== 0x2f && !/\s/.test(String.fromCharCode(code));

/** Positions within the alternatives of several globs, as `alternative * 1000 + place`. */
type Positions = readonly number[];
const WIDTH = 1000;

class Automaton {
  readonly #alternatives: readonly (readonly Atom[])[];
  readonly start: Positions;

  constructor(globs: readonly Glob[]) {
    this.#alternatives = globs.flatMap(({ atoms }) => atoms);
    this.start = this.#closed(this.#alternatives.map((_, at) => at * WIDTH));
  }

  get boundaries(): number[] {
    return this.#alternatives
      .flat()
      .flatMap((atom) => (atom === 'any' ? [] : atom.flatMap(([low, high]) => [low, high + 1])));
  }

  step(positions: Positions, code: number): Positions {
    const next: number[] = [];
    for (const position of positions) {
      const atom = this.#atomAt(position);
      if (atom === 'any') next.push(position);
      else if (atom?.some(([low, high]) => low <= code && code <= high)) next.push(position + 1);
    }
    return this.#closed(next);
  }

  accepts(positions: Positions): boolean {
    return positions.some((position) => this.#atomAt(position) === undefined);
  }

  /** True when any continuation is accepted. */
  isOpen(positions: Positions): boolean {
    return positions.some((each) => this.#atomAt(each) === 'any' && this.#atomAt(each + 1) === undefined);
  }

  #atomAt(position: number): Atom | undefined {
    return this.#alternatives[Math.floor(position / WIDTH)]?.[position % WIDTH];
  }

  /** Adds the positions after each `*`, because `*` also matches the empty string. */
  #closed(positions: readonly number[]): Positions {
    const all = new Set(positions);
    for (const position of all) if (this.#atomAt(position) === 'any') all.add(position + 1);
    return [...all].sort((a, b) => a - b);
  }
}

/**
 * Returns true when every name that `below` matches is also matched by one of `above`. Returns false when one is not,
 * or when the budget ran out first.
 */
export function coversAll(above: readonly Glob[], below: Glob, budget: SearchBudget): boolean {
  const [upper, lower] = [new Automaton(above), new Automaton([below])];
  const symbols = [...new Set([1, ...upper.boundaries, ...lower.boundaries])].flatMap((from) => {
    // The first name character of each interval represents all of it.
    let code = from;
    while (code <= 0xffff && !isName(code)) code++;
    return code <= 0xffff ? [code] : [];
  });
  const distinct = [...new Set(symbols)];
  const seen = new Set<string>();
  const waiting: [Positions, Positions][] = [[lower.start, upper.start]];
  for (let pair = waiting.pop(); pair; pair = waiting.pop()) {
    for (const code of distinct) {
      if ((budget.steps -= 1) < 0) return false;
      const next = lower.step(pair[0], code);
      if (next.length === 0) continue;
      const over = upper.step(pair[1], code);
      if (upper.isOpen(over)) continue;
      if (over.length === 0 || (lower.accepts(next) && !upper.accepts(over))) return false;
      const key = `${next.join()};${over.join()}`;
      if (seen.has(key)) continue;
      seen.add(key);
      waiting.push([next, over]);
    }
  }
  return true;
}

/** What is wrong with a configuration, and how it is told. */
import { printable } from '../system/printable.ts';
import type { Command } from '../system/shell-quote.ts';

export interface ConfigurationProblem {
  readonly file: string;
  /** From 1; null: the file as a whole. */
  readonly line: number | null;
  /** From 1, in UTF-16 units as editors count; null: the file as a whole. */
  readonly column: number | null;
  readonly found: string;
  /** null: `found` is a sentence that says all, and begins with the file or folder that it is about. */
  readonly expected: string | null;
  /** What fixes a file that is refused. */
  readonly remedy?: Command | null;
  /** The nearest word that would have been valid. */
  readonly hint: string | null;
}

export interface ConfigurationErrors {
  readonly errors: readonly ConfigurationProblem[];
}

/** `FILE:LINE:COLUMN: found X; expected Y; did you mean "Z"?`, or a sentence, on one line, fit for a terminal. */
export function formatProblem(problem: ConfigurationProblem): string {
  const { file, line, column, found, expected, hint } = problem;
  if (expected === null) return printable(line === null ? found : `${file}:${line}:${column ?? 1}: ${found}`);
  const place = line === null ? file : `${file}:${line}:${column ?? 1}`;
  const question = hint === null ? '' : `; did you mean ${quote(hint)}?`;
  return printable(`${place}: found ${found}; expected ${expected}${question}`);
}

/** In quotes, shortened to 60 characters. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text));
}

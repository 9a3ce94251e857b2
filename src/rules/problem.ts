/** A problem of the configuration and its message. */
import { printable } from '../system/printable.ts';
import type { Command } from '../system/shell-quote.ts';

export interface ConfigurationProblem {
  readonly file: string;
  /** Counts from 1; null for a problem with the file as a whole. */
  readonly line: number | null;
  /** Counts from 1, in UTF-16 code units as editors do; null for a problem with the file as a whole. */
  readonly column: number | null;
  readonly found: string;
  /** null when `found` is a complete sentence that begins with the name of the file or folder. */
  readonly expected: string | null;
  /** The command that fixes a file that was refused. */
  readonly remedy?: Command | null;
  /** The nearest word that would have been valid. */
  readonly hint: string | null;
}

export interface ConfigurationErrors {
  readonly errors: readonly ConfigurationProblem[];
}

/**
 * Returns `FILE:LINE:COLUMN: found X; expected Y; did you mean "Z"?`, or a sentence; one line without control
 * characters.
 */
export function formatProblem(problem: ConfigurationProblem): string {
  const { file, line, column, found, expected, hint } = problem;
  if (expected === null) return printable(line === null ? found : `${file}:${line}:${column ?? 1}: ${found}`);
  const place = line === null ? file : `${file}:${line}:${column ?? 1}`;
  const question = hint === null ? '' : `; did you mean ${quote(hint)}?`;
  return printable(`${place}: found ${found}; expected ${expected}${question}`);
}

/** Returns the text in quotes, shortened to 60 characters. */
export function quote(text: string): string {
  return printable(JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text));
}

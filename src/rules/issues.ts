/** Maps each issue of the schema to the YAML node that it is about. */
import type { Node } from 'yaml';
import { isMap, isScalar } from 'yaml';
import type * as z from 'zod';
import { nearest } from './nearest.ts';
import type { YamlEntry, PlainReader } from './plain.ts';
import { quote } from './problem.ts';
import { KEYS, type WordParams } from './schema.ts';
import { kindOf } from './yaml.ts';

type ZodIssue = z.core.$ZodIssue;

export type Shape<T> =
  | { readonly valid: true; readonly value: T }
  /** For a map that is partly wrong: its valid entries, so that these can still be checked further. */
  | { readonly valid: false; readonly entries: Readonly<Record<string, unknown>> };

/**
 * Checks the value of an entry against the schema and reports its problems to the reader. `keys` are the keys that a
 * map at this place may have.
 */
export function readShape<T>(
  reader: PlainReader,
  { keyNode, value }: YamlEntry,
  schema: z.ZodType<T>,
  keys: readonly string[],
): Shape<T> {
  const before = reader.problems.length;
  const plain = reader.plain(value);
  if (reader.isSpent) return { valid: false, entries: {} };
  const answer = schema.safeParse(plain);
  if (answer.success && reader.problems.length === before) return { valid: true, value: answer.data };
  const issues = (answer.error?.issues ?? []).flatMap((each) => meant(each, []));
  for (const issue of issues) report(reader, value ?? keyNode, value, issue, keys);
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain))
    return { valid: false, entries: {} };
  const wrong = new Set(
    issues.flatMap((issue) => (issue.path.length > 0 ? [String(issue.path[0])] : keysOf(issue))),
  );
  return {
    valid: false,
    entries: Object.fromEntries(Object.entries(plain).filter(([key]) => !wrong.has(key))),
  };
}

function keysOf(issue: ZodIssue): string[] {
  return issue.code === 'unrecognized_keys' ? issue.keys : [];
}

/** Replaces an issue of a union by those of the alternative that the user meant, when that can be determined. */
function meant(issue: ZodIssue, above: readonly PropertyKey[]): ZodIssue[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((issues) => issues.length > 0 && issues.every(isWithin));
    if (branch !== undefined) return branch.flatMap((each) => meant(each, path));
  }
  return [{ ...issue, path }];
}

function report(
  reader: PlainReader,
  fallback: Node,
  root: Node | null,
  issue: ZodIssue,
  keys: readonly string[],
): void {
  const where = reader.locate(root, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const within = issue.path.at(-1);
    const known = within === 'match' || within === 'probe' ? KEYS[within] : keys;
    for (const key of issue.keys) {
      const at = reader.keyNode(where, key) ?? fallback;
      reader.problem(at, `the unknown key ${quote(key)}`, `one of ${known.join(', ')}`, nearest(key, known));
    }
    return;
  }
  const custom = issue.code === 'custom' ? (issue.params as WordParams | undefined) : undefined;
  const text = isScalar(where) && typeof where.value === 'string' ? where.value : null;
  const hint = custom?.hint ?? (text === null ? null : nearest(text, valuesOf(issue)));
  reader.problem(
    where ?? fallback,
    custom?.found ?? found(reader, root, where, issue.path),
    issue.message,
    hint,
  );
}

/** Describes the value at the path. For a missing key, the path leads to the map that lacks it. */
function found(
  reader: PlainReader,
  root: Node | null,
  where: Node | null,
  path: readonly PropertyKey[],
): string {
  const last = path.at(-1);
  const above = last === undefined ? null : reader.resolve(reader.locate(root, path.slice(0, -1)));
  if (isMap(above)) {
    const key = reader.keyNode(above, String(last));
    if (key === null) return `no ${quote(String(last))}`;
    if (key === where) return 'nothing';
  }
  const real = reader.resolve(where);
  if (!isScalar(real) || real.value === null) return kindOf(real);
  return quote(typeof real.value === 'string' ? real.value : (real.source ?? ''));
}

/** True when this alternative is the one the user meant: the value has its type and is wrong inside. */
function isWithin(issue: ZodIssue): boolean {
  if (issue.path.length > 0) return true;
  if (issue.code === 'invalid_union') return issue.errors.some((branch) => branch.every(isWithin));
  return issue.code !== 'invalid_type' && issue.code !== 'invalid_value';
}

/** The words that would have been valid in any alternative. */
function valuesOf(issue: ZodIssue): string[] {
  if (issue.code === 'invalid_value') return issue.values.filter((value) => typeof value === 'string');
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(valuesOf);
  return [];
}

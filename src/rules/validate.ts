/** Validates one file: turns its text into rules and settings, or into all problems with it. */
import { isMap, isScalar } from 'yaml';
import type { Node } from 'yaml';
import { findUser, PasswdError, readUsers, type User } from '../system/passwd.ts';
import { checkRule, toRule } from './check.ts';
import { readShape } from './issues.ts';
import { nearest } from './nearest.ts';
import { PlainReader } from './plain.ts';
import type { YamlEntry } from './plain.ts';
import { quote } from './problem.ts';
import type { ConfigurationProblem } from './problem.ts';
import type { HealthSettings, HookSettings, LimitsSetting, Rule } from './rule.ts';
import { milliseconds } from './duration.ts';
import { readProbe } from './read-probe.ts';
import { healthSchema, hooksSchema, KEYS, limitsSchema, ruleValueSchema } from './schema.ts';
import type { HealthShape, HooksShape, RuleShape } from './schema.ts';
import { kindOf, parseYaml } from './yaml.ts';
import type { YamlSource, YamlTree } from './yaml.ts';

export interface ValidFile {
  readonly rules: readonly Rule[];
  /** Null when the file does not set it. */
  readonly limits: LimitsSetting | null;
  readonly hooks: HookSettings | null;
  readonly health: HealthSettings | null;
  readonly problems: readonly ConfigurationProblem[];
}

const MAX_PROBLEMS = 200;

export const DEFAULT_HOOKS: HookSettings = {
  timeout: 30_000,
  user: 'root',
  path: ['/etc/multihomed/hooks.d', '/usr/lib/multihomed/hooks.d'],
};

export const DEFAULT_HEALTH: HealthSettings = { detect: true, rttFactor: 3, margin: 50, probe: null };

/** `main`: config.yaml, or the file of `--config`. A drop-in may have only `rules`. */
export type FileKind = 'main' | 'drop-in';

/** Never throws. */
export function validateFile(source: YamlSource, kind: FileKind): ValidFile {
  const rules: Rule[] = [];
  let limits: LimitsSetting | null = null;
  let hooks: HookSettings | null = null;
  let health: HealthSettings | null = null;
  const done = (problems: readonly ConfigurationProblem[]): ValidFile => ({
    rules,
    limits,
    hooks,
    health,
    problems: unique(problems),
  });

  const tree = parseYaml(source);
  if (!('root' in tree)) return done(tree);
  const reader = new PlainReader(tree);
  const root = reader.resolve(tree.root);
  if (!isNothing(root) && !isMap(root)) {
    reader.problem(
      root,
      kindOf(root),
      `a map with ${kind === 'drop-in' ? '"rules"' : '"rules", "limits", "hooks" or "health"'}`,
    );
  }
  for (const entry of isMap(root) ? reader.entries(root, 'key') : []) {
    if (entry.key === 'rules') rules.push(...readRules(reader, tree, entry));
    else if (!(KEYS.top as readonly string[]).includes(entry.key)) unknownKey(reader, entry, kind);
    else if (kind === 'drop-in') {
      reader.problem(
        entry.keyNode,
        `${quote(entry.key)} in a drop-in`,
        `it in config.yaml, the only file in which it is permitted`,
      );
    } else if (entry.key === 'limits') limits = readLimits(reader, entry);
    else if (entry.key === 'hooks') hooks = readHooks(reader, entry);
    else health = readHealth(reader, entry);
  }
  return done(reader.problems);
}

function readRules(reader: PlainReader, tree: YamlTree, entry: YamlEntry): Rule[] {
  const map = reader.resolve(entry.value);
  if (isNothing(map)) return [];
  if (!isMap(map)) {
    reader.problem(map, kindOf(map), 'a map of globs, each with what to do: "wwan*": subflow backup');
    return [];
  }
  return reader.entries(map, 'glob').map((each) => readRule(reader, tree, each));
}

/** Checks the valid parts of a rule even if others are wrong. No rule applies while any problem exists. */
function readRule(reader: PlainReader, tree: YamlTree, entry: YamlEntry): Rule {
  const { key, keyNode, value } = entry;
  const shape = readShape(reader, entry, ruleValueSchema, KEYS.rule);
  const found = shape.valid ? shape.value : (shape.entries as Partial<RuleShape>);
  const isShort = typeof found === 'string' || Array.isArray(found);
  const long = isShort ? { flags: found } : found;
  const rule = toRule(key, long, tree.at(keyNode));
  for (const problem of checkRule(rule, long)) {
    const place = [problem.key ?? []].flat();
    const where = problem.key === null ? keyNode : reader.locate(value, isShort ? [] : place);
    reader.problem(where ?? keyNode, problem.found, problem.expected);
  }
  return rule;
}

function readLimits(reader: PlainReader, entry: YamlEntry): LimitsSetting | null {
  const shape = readShape(reader, entry, limitsSchema, KEYS.limits);
  if (!shape.valid) return null;
  if (typeof shape.value === 'string') return shape.value;
  const { subflows = null, 'add-addr-accepted': addAddrAccepted = null } = shape.value;
  if (subflows === null && addAddrAccepted === null) {
    reader.problem(entry.value, 'a map of no limit', '"subflows" or "add-addr-accepted", or leave');
  }
  return { subflows, addAddrAccepted };
}

function readHooks(reader: PlainReader, entry: YamlEntry): HookSettings {
  const { value } = entry;
  const read = readShape(reader, entry, hooksSchema, KEYS.hooks);
  const shape = read.valid ? read.value : (read.entries as HooksShape);
  const timeout = shape.timeout === undefined ? DEFAULT_HOOKS.timeout : milliseconds(shape.timeout);
  if (timeout === null) {
    const where = reader.locate(value, ['timeout']);
    reader.problem(
      where,
      quote(String(shape.timeout)),
      'a duration of more than nothing and at most 24h, such as 30s',
    );
  }
  const user = String(shape.user ?? DEFAULT_HOOKS.user);
  const all = user === DEFAULT_HOOKS.user ? [] : usersOrNone();
  // `all` is empty when /etc/passwd cannot be read; that is not an error of the configuration.
  if (all.length > 0 && findUser(user, all) === null) {
    const names = all.map(({ name }) => name);
    const where = reader.locate(value, ['user']);
    reader.problem(
      where,
      `the user ${quote(user)}, who does not exist`,
      'a user of /etc/passwd',
      nearest(user, names),
    );
  }
  const path = shape.path ?? DEFAULT_HOOKS.path;
  return { timeout: timeout ?? DEFAULT_HOOKS.timeout, user, path: typeof path === 'string' ? [path] : path };
}

function readHealth(reader: PlainReader, entry: YamlEntry): HealthSettings {
  const read = readShape(reader, entry, healthSchema, KEYS.health);
  const shape = read.valid ? read.value : (read.entries as HealthShape);
  const { detect, rttFactor } = { detect: shape.detect, rttFactor: shape['rtt-factor'] };
  const margin = shape.margin === undefined ? DEFAULT_HEALTH.margin : milliseconds(shape.margin);
  const inRange = margin !== null && margin >= MIN_MARGIN_MS && margin <= MAX_MARGIN_MS;
  if (read.valid && !inRange) {
    const where = reader.locate(entry.value, ['margin']);
    reader.problem(where, quote(String(shape.margin)), 'a duration from 20ms to 60s, such as 50ms');
  }
  return {
    detect: detect ?? DEFAULT_HEALTH.detect,
    rttFactor: rttFactor ?? DEFAULT_HEALTH.rttFactor,
    margin: inRange ? margin : DEFAULT_HEALTH.margin,
    probe: readProbe(reader, entry, shape.probe),
  };
}

const MIN_MARGIN_MS = 20;
const MAX_MARGIN_MS = 60_000;

function usersOrNone(): User[] {
  try {
    return readUsers();
  } catch (error) {
    if (error instanceof PasswdError) return [];
    throw error;
  }
}

function unknownKey(reader: PlainReader, { key, keyNode }: YamlEntry, kind: FileKind): void {
  const keys = kind === 'drop-in' ? ['rules'] : KEYS.top;
  reader.problem(
    keyNode,
    `the unknown key ${quote(key)}`,
    kind === 'drop-in' ? 'rules' : `one of ${keys.join(', ')}`,
    nearest(key, keys),
  );
}

function isNothing(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

/** Removes duplicates, which aliases cause, and keeps the first MAX_PROBLEMS in the order of the file. */
function unique(problems: readonly ConfigurationProblem[]): ConfigurationProblem[] {
  const seen = new Map(
    problems.map((each) => [JSON.stringify([each.line, each.column, each.found, each.expected]), each]),
  );
  return [...seen.values()]
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
    .slice(0, MAX_PROBLEMS);
}

/** Loads the user's configuration, or all problems with it. */
import { isGlob, parseGlob } from './glob.ts';
import { quote } from './problem.ts';
import { shadowedRules } from './shadow.ts';
import type { ConfigurationErrors, ConfigurationProblem } from './problem.ts';
import { readOne, readSystem } from './read.ts';
import type { Tier } from './read.ts';
import type {
  Configuration,
  ConfigurationWarning,
  HealthSettings,
  HookSettings,
  LimitsSetting,
  Rule,
} from './rule.ts';
import { DEFAULT_HEALTH, DEFAULT_HOOKS, validateFile } from './validate.ts';

export interface LoadOptions {
  /** Reads this file and nothing else. */
  readonly config?: string;
  /** Folder of `config.yaml` and `rules.d`; default /etc/multihomed. */
  readonly etc?: string;
  /** Folder of the packaged `rules.d`; default /usr/lib/multihomed. */
  readonly usr?: string;
}

/** Whether `loadConfiguration` found no error. */
export function isValid(answer: Configuration | ConfigurationErrors): answer is Configuration {
  return !('errors' in answer);
}

/** Reads all files again. Never rejects because of a file's content or permissions; those are in `errors`. */
export async function loadConfiguration(
  options: LoadOptions = {},
): Promise<Configuration | ConfigurationErrors> {
  const { config, etc = '/etc/multihomed', usr = '/usr/lib/multihomed' } = options;
  const found = config === undefined ? await readSystem(etc, usr) : readOne(config);
  const problems = [...found.problems];
  const warnings: ConfigurationWarning[] = [...found.warnings];
  const rules: { rule: Rule; tier: Tier }[] = [];
  let limits: LimitsSetting = 'auto';
  let hooks: HookSettings = DEFAULT_HOOKS;
  let health: HealthSettings = DEFAULT_HEALTH;
  for (const source of found.files) {
    const file = validateFile(source, source.tier === 'main' ? 'main' : 'drop-in');
    problems.push(...file.problems);
    rules.push(...file.rules.map((rule) => ({ rule, tier: source.tier })));
    limits = file.limits ?? limits;
    hooks = file.hooks ?? hooks;
    health = file.health ?? health;
  }
  checkTwice(rules, problems, warnings);
  if (problems.length > 0) return { errors: problems };
  const all = rules.map(({ rule }) => rule);
  const packaged = new Set(rules.filter(({ tier }) => tier === 'usr').map(({ rule }) => rule));
  // The administrator's rules come before the packaged ones on purpose, so these pairs are no mistake.
  const shadowed = shadowedRules(all).filter(({ rule, by }) => !packaged.has(rule) || packaged.has(by));
  for (const each of shadowed) warnings.push({ code: 'rule-shadowed', ...each });
  warnings.push(...sharedTables(all));
  if (all.length === 0) {
    const file = config ?? `${etc}/config.yaml`;
    const searched = config === undefined ? [file, `${etc}/rules.d`, `${usr}/rules.d`] : [file];
    warnings.push({ code: 'no-rule', searched, file });
  }
  return { rules: all, limits, hooks, health, files: found.files.map(({ file }) => file), warnings };
}

/**
 * Reports a glob that occurs twice, for the same devices, in the administrator's files or in the packaged ones. An
 * administrator's rule may repeat a packaged one: it takes precedence, and upgrading a package must not stop the
 * daemon because both files have a rule for `wwan*`.
 */
function checkTwice(
  rules: readonly { rule: Rule; tier: Tier }[],
  problems: ConfigurationProblem[],
  warnings: ConfigurationWarning[],
): void {
  const seen = new Map<string, { rule: Rule; tier: Tier }>();
  for (const each of rules) {
    const { glob, driver, macAddress, path, origin } = each.rule;
    const parts = [driver, macAddress, path].map((part) => (part === null ? '' : canonical(part)));
    const key = [canonical(glob), ...parts].join('\n');
    const first = seen.get(key);
    if (first === undefined) {
      seen.set(key, each);
      continue;
    }
    if (first.tier === each.tier) {
      const place = `${first.rule.origin.file}:${first.rule.origin.line}`;
      const found = `the glob ${quote(glob)} a second time, after ${place}`;
      problems.push({ ...origin, found, expected: 'each glob once', hint: null });
    } else if (first.tier !== 'main') {
      warnings.push({ code: 'rule-hidden', rule: each.rule, by: first.rule });
    }
  }
}

/** An invalid glob has been reported already, so its text serves as its normal form. */
function canonical(text: string): string {
  const glob = parseGlob(text);
  return isGlob(glob) ? glob.canonical : text;
}

/** Warns about a table that two interfaces share, because each would remove the other's default route from it. */
function sharedTables(rules: readonly Rule[]): ConfigurationWarning[] {
  return rules.flatMap((rule): ConfigurationWarning[] => {
    const { glob, table, origin } = rule;
    if (table === null) return [];
    const other = rules.find((each) => each.table === table && each.origin !== origin);
    const parsed = parseGlob(glob);
    if (other !== undefined) return [{ code: 'table-shared', table, rule, other }];
    if (isGlob(parsed) && parsed.literal !== null) return [];
    return [{ code: 'table-of-glob', table, rule }];
  });
}

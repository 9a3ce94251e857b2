/** Turns a parsed rule into a `Rule`: applies defaults and checks what the kernel would refuse or silently ignore. */
import { isGlob, parseGlob } from './glob.ts';
import type { EndpointFlag, Family, Origin, Rule } from './rule.ts';
import { MATCH, splitWords } from './schema.ts';
import type { RuleShape } from './schema.ts';

/** A problem with the value at `key`; `key` is null for a problem with the glob. */
export interface RuleProblem {
  readonly key: keyof RuleShape | readonly PropertyKey[] | null;
  readonly found: string;
  readonly expected: string;
}

/** Tables that the kernel fills itself: default, main and local (rtnetlink.h). */
const KERNEL_TABLES: ReadonlyMap<number, string> = new Map([
  [253, 'default'],
  [254, 'main'],
  [255, 'local'],
]);

/** Applies the defaults. A shape that is only partly valid may lack its flags; the rule then has none. */
export function toRule(glob: string, shape: Partial<RuleShape>, origin: Origin): Rule {
  const words = splitWords(shape.flags ?? []);
  const flags = words.filter((word): word is EndpointFlag => word !== 'ignore');
  const signal = flags.includes('signal');
  const perInterface = shape['per-interface'] ?? (signal ? 'all' : 1);
  return {
    glob,
    origin,
    ignore: words.includes('ignore'),
    flags,
    port: shape.port ?? null,
    families: shape.families === undefined ? ['ipv4', 'ipv6'] : (splitWords(shape.families) as Family[]),
    addresses: shape.addresses ?? 'auto',
    perInterface: perInterface === 'all' ? Infinity : perInterface,
    routing: shape.routing ?? 'policy',
    checkRoute: shape['check-route'] ?? true,
    driver: shape.match?.driver ?? shape.driver ?? null,
    macAddress: shape.match?.['mac-address']?.toLowerCase() ?? null,
    path: shape.match?.path ?? null,
    table: shape.table === undefined || shape.table === 'auto' ? null : shape.table,
    linkLocal: shape['link-local'] ?? false,
    tunnel: shape.tunnel ?? 'respect',
  };
}

/** @param shape the rule as it was written, before the defaults */
export function checkRule(rule: Rule, shape: Partial<RuleShape>): RuleProblem[] {
  return [...checkGlobs(rule), ...checkMatch(rule, shape), ...checkFlags(rule), ...checkTable(rule)];
}

/** Reports combinations of flags that the kernel refuses (mptcp_pm_nl_add_addr_doit, ip-mptcp(8)). */
function checkFlags(rule: Rule): RuleProblem[] {
  const has = (flag: EndpointFlag): boolean => rule.flags.includes(flag);
  const problems: RuleProblem[] = [];
  const report = (key: keyof RuleShape, found: string, expected: string): void => {
    problems.push({ key, found, expected });
  };
  if (rule.ignore) {
    if (rule.flags.length > 0)
      report('flags', 'ignore together with other flags', 'ignore alone, or flags without it');
    if (rule.port !== null) report('port', 'a port with ignore', 'no port: with ignore nothing is done');
    return problems;
  }
  // Flags that could not be read have been reported already.
  if (rule.flags.length === 0) return problems;
  if (has('signal') && has('fullmesh')) {
    report('flags', 'signal with fullmesh', 'one of the two: the kernel refuses both together');
  } else if (has('fullmesh') && !has('subflow')) {
    report('flags', 'fullmesh without subflow', 'subflow fullmesh: only subflows can make a full mesh');
  }
  if (rule.flags.length === 1 && has('backup')) {
    report('flags', 'backup alone', 'subflow backup or signal backup: backup alone makes no path');
  }
  if (rule.port !== null && !has('signal')) {
    report('port', 'a port without signal', 'a port with signal, which announces it to the peer');
  } else if (rule.port !== null && has('subflow')) {
    report(
      'port',
      'a port with subflow',
      'a port with signal and without subflow: the kernel refuses it otherwise',
    );
  }
  return problems;
}

function checkGlobs(rule: Rule): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const name = parseGlob(rule.glob);
  if (!isGlob(name)) problems.push({ key: null, ...name });
  else if (rule.linkLocal && name.literal === null) {
    problems.push({
      key: 'link-local',
      found: 'link-local: true in a rule for more than one interface',
      expected: 'the name of one interface in its place, without "*", "?", "[" and "|"',
    });
  }
  return problems;
}

function checkMatch({ driver, macAddress, path }: Rule, shape: Partial<RuleShape>): RuleProblem[] {
  const globs = [
    [shape.match?.driver === undefined ? ['driver'] : ['match', 'driver'], driver],
    [['match', 'mac-address'], macAddress],
    [['match', 'path'], path],
  ] as const;
  const problems: RuleProblem[] = globs.flatMap(([key, text]) => {
    const glob = text === null ? null : parseGlob(text);
    return glob === null || isGlob(glob) ? [] : [{ key, ...glob }];
  });
  if (shape.match && Object.keys(shape.match).length === 0)
    problems.push({ key: 'match', found: 'an empty map', expected: MATCH });
  if (shape.driver !== undefined && shape.match?.driver !== undefined)
    problems.push({
      key: 'driver',
      found: 'driver both in the rule and in its match',
      expected: 'it in match alone',
    });
  return problems;
}

function checkTable(rule: Rule): RuleProblem[] {
  const name = rule.table === null ? undefined : KERNEL_TABLES.get(rule.table);
  if (name === undefined) return [];
  return [
    {
      key: 'table',
      found: `table ${rule.table}, which is the kernel's "${name}"`,
      expected: 'auto, or the number of a table that nothing else uses',
    },
  ];
}

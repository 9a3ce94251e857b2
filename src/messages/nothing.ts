/** Detects that no interface is managed, and suggests a rule for an interface of this host. */
import type { Configuration } from '../rules/rule.ts';
import type { KernelObjects } from '../snapshot/snapshot.ts';
import type { Plan } from '../plan/plan.ts';

const RT_SCOPE_UNIVERSE = 0;

/** @returns the text; null: a rule selects an interface */
export function nothingManaged(
  { selected }: Pick<Plan, 'selected'>,
  { links, addresses }: KernelObjects,
  { rules, files }: Configuration,
): string | null {
  if (selected.some(({ rule }) => !rule.ignore)) return null;
  const why = rules.length === 0 ? 'there are no rules' : 'no rule selects an interface of this host';
  const others = [...links.values()].filter(({ loopback }) => !loopback);
  const hasAddress = (index: number): boolean =>
    addresses.some(({ ifindex, scope }) => ifindex === index && scope === RT_SCOPE_UNIVERSE);
  const example = others.find(({ index }) => hasAddress(index)) ?? others[0];
  return nothingText(why, fileForRules(files), example?.name ?? 'eth*');
}

/**
 * Returns the file into which a user may write a rule, so that it comes before those that were read. An upgrade
 * replaces the files in /usr/lib.
 * @param files the files that were read, in order
 */
export const fileForRules = ([first]: readonly string[]): string =>
  first === undefined || first.startsWith('/usr/lib/') ? '/etc/multihomed/config.yaml' : first;

/**
 * The message for a host on which no interface is managed.
 * @param why a clause
 * @param file a file into which a rule may be written
 * @param glob the glob of the rule in the example
 */
export const nothingText = (why: string, file: string, glob: string): string =>
  `nothing is managed: ${why}; write one into ${file}, for example  rules: { ${JSON.stringify(glob)}: subflow }`;

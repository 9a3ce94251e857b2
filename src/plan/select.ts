/** First step: the interfaces that the rules select. */
import type { Link } from '../netlink/route/link.ts';
import { matchRule, type LinkNames } from '../rules/match.ts';
import type { Rule } from '../rules/rule.ts';
import { type KernelObjects } from '../snapshot/snapshot.ts';
import { TABLE_BASE } from './own-table.ts';
import type { Selected } from './uplink.ts';

/** The table of an uplink; null: it has none of its own (`routing: main`). */
export const tableOf = (rule: Rule, ifindex: number): number | null =>
  rule.routing === 'main' ? null : (rule.table ?? TABLE_BASE + ifindex);

/** The selected interfaces, in the order of the rules, then of the interface index. */
export function select(base: KernelObjects, rules: readonly Rule[]): Selected[] {
  const selected: Selected[] = [];
  for (const link of base.links.values()) {
    const found = selectLink(base, rules, link);
    if (found) selected.push(found);
  }
  return selected.sort((a, b) => a.rank - b.rank || a.link.index - b.link.index);
}

/** The properties of a link that rules match. */
export const linkNames = ({ name, altnames, index, hardware }: Link, base: KernelObjects): LinkNames => ({
  ...{ name, altnames, hardware },
  driver: base.drivers.get(index) ?? null,
  path: base.paths.get(index) ?? null,
});

/** @returns null: no rule selects the link */
export function selectLink(base: KernelObjects, rules: readonly Rule[], link: Link): Selected | null {
  const { rule } = matchRule(rules, linkNames(link, base));
  // A pattern such as `*` means the uplinks, not the loopback; that needs a rule with `link-local: true`.
  if (!rule || (link.loopback && !rule.linkLocal)) return null;
  return { link, rule, rank: rules.indexOf(rule) };
}

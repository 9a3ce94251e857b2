/** Full tunnels: what takes all traffic of the host that no uplink's rule is for. */
import type { Family } from '../netlink/ip.ts';
import type { Link } from '../netlink/route/link.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { isTunnel } from '../snapshot/egress.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { policyRuleWords } from './rule-words.ts';
import type { Selected } from './uplink.ts';

export interface Tunnel {
  /** null: a policy rule lets no packet out. */
  readonly link: Link | null;
  /** What leads there; null: a route of main's, or a policy rule that is not known. */
  readonly rule: PolicyRule | null;
  readonly table: number;
  /** Of the route: 0, or 1 for a split default. */
  readonly prefixLength: number;
}

export type Tunnels = Readonly<Record<Family, Tunnel | null>>;

export function tunnelsOf(snapshot: Snapshot, selected: readonly Selected[]): Tunnels {
  return { ipv4: tunnelOf('ipv4', snapshot, selected), ipv6: tunnelOf('ipv6', snapshot, selected) };
}

/**
 * By a policy rule to any link that no rule of the user's selects; by main's own default to one that is a tunnel by its
 * kind, since a best default through a plain link that is left alone is a path like others.
 */
function tunnelOf(family: Family, { egress, links }: Snapshot, selected: readonly Selected[]): Tunnel | null {
  const found = egress[family];
  if (!found) return null;
  if (found.kind === 'refused')
    return { link: null, rule: found.rule, table: found.rule.table, prefixLength: 0 };
  const { rule, table, prefixLength } = found;
  const through = found.ifindexes.map((index) => links.get(index));
  const isFull = through.every(
    (link) =>
      link && !link.loopback && !isSelected(link, selected) && (table !== RT_TABLE_MAIN || isTunnel(link)),
  );
  return isFull && through[0] ? { link: through[0], rule, table, prefixLength } : null;
}

export const isSelected = ({ index }: Link, selected: readonly Selected[]): boolean =>
  selected.some(({ link, rule }) => link.index === index && !rule.ignore);

/** What is in the way, and by what. */
export function tunnelReason({ link, rule, table, prefixLength }: Tunnel): string {
  const name = rule && `policy rule ${rule.priority}`;
  if (!link) return `${name} (${policyRuleWords(rule!)}) lets no packet out`;
  const by = name ?? (table === RT_TABLE_MAIN ? mainWords(prefixLength) : `table ${table}`);
  return `${link.name} takes all traffic: ${by}`;
}

const mainWords = (prefixLength: number): string =>
  prefixLength === 0 ? 'default route in main' : `routes in main that are more specific than a default`;

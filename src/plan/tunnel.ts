/** Full tunnels: links that take all traffic of the host that no uplink's policy rule selects. */
import type { Family } from '../netlink/ip.ts';
import type { Link } from '../netlink/route/link.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { isTunnel } from '../snapshot/host-egress.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import type { Reason } from './reason.ts';
import type { Selected } from './uplink.ts';

export interface Tunnel {
  /** null: a policy rule refuses all packets. */
  readonly link: Link | null;
  /** The policy rule that leads there; null: a route in main, or a policy rule that is not known. */
  readonly rule: PolicyRule | null;
  readonly table: number;
  /** Prefix length of the route: 0, or more for a split default. */
  readonly prefixLength: number;
}

export type Tunnels = Readonly<Record<Family, Tunnel | null>>;

/** The full tunnel of each family; null: none. */
export function tunnelsOf(snapshot: Snapshot, selected: readonly Selected[]): Tunnels {
  return { ipv4: tunnelOf('ipv4', snapshot, selected), ipv6: tunnelOf('ipv6', snapshot, selected) };
}

/**
 * A policy rule may lead to any link that no rule of the user selects. A default route in main counts only if its
 * link is of a tunnel kind (`isTunnel`): through a plain link without a rule it is an ordinary path.
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

/** Whether a rule of the user selects the link as an uplink. */
export const isSelected = ({ index }: Link, selected: readonly Selected[]): boolean =>
  selected.some(({ link, rule }) => link.index === index && !rule.ignore);

/**
 * Why an address is not used while the tunnel is up: the link that takes all traffic, and the rule or route by which it
 * does.
 */
export function tunnelReason({ link, rule, table, prefixLength }: Tunnel): Reason {
  if (!link) return { code: 'tunnel-refuses', priority: rule!.priority, rule: policyRuleWords(rule!) };
  const split = prefixLength > 0;
  return { code: 'tunnel', interface: link.name, priority: rule?.priority ?? null, table, split };
}

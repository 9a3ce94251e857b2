/**
 * The administrator's policy rule for an address. If it leads through the uplink's interface it is used, otherwise it
 * prevents the uplink.
 */
import { type Family } from '../netlink/ip.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { isForSource, throughLink } from '../snapshot/host-route.ts';
import type { PolicyRoute } from '../snapshot/policy-route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import type { Reason } from './reason.ts';

export interface HostRule {
  readonly rule: PolicyRule;
  /** The default route of its table leads through the uplink's interface. */
  readonly leadsHere: boolean;
  /** The table of that default route. */
  readonly table: number;
  readonly found: PolicyRoute;
}

/** @returns null: the host has no policy rule for this address */
export function hostRuleFor(found: PolicyRoute, ifindex: number): HostRule | null {
  if (found.kind === 'none' || !isForSource(found.rule)) return null;
  const { rule } = found;
  return { rule, leadsHere: throughLink(found, ifindex) !== null, table: rule.table, found };
}

/** The reason why the address is no uplink. */
export function hostRuleReason({ rule, found }: HostRule, family: Family, snapshot: Snapshot): Reason {
  const named = { priority: rule.priority, rule: policyRuleWords(rule) };
  if (found.kind === 'refused') return { code: 'host-rule-refuses', ...named, errno: found.code };
  const hops = found.kind === 'route' ? found.route.hops : [];
  const interfaces = hops.map(({ ifindex }) => snapshot.links.get(ifindex)?.name ?? `interface ${ifindex}`);
  return { code: 'host-rule-elsewhere', ...named, family, interfaces };
}

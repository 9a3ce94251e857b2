/** The administrator's policy rule for an address: it is used as it is, or it prevents the uplink. */
import { hostBits, networkOf, type Family } from '../netlink/ip.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { foreignRules, hostRoute, isForSource, throughLink } from '../snapshot/host-route.ts';
import type { PolicyRoute } from '../snapshot/policy-route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { policyRuleArguments, policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import type { Candidate } from './uplink.ts';

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
export function hostRuleReason({ rule, found }: HostRule, family: Family, snapshot: Snapshot): string {
  const name = `policy rule ${rule.priority} (${policyRuleWords(rule)})`;
  if (found.kind === 'refused') return `${name} lets no packet from this address out (${found.code})`;
  const hops = found.kind === 'route' ? found.route.hops : [];
  const devices = hops.map(({ ifindex }) => snapshot.links.get(ifindex)?.name ?? `interface ${ifindex}`);
  return `${name} sends packets from this address out by ${devices.join(', ') || `an ${family} route without a link`}`;
}

/**
 * The command that deletes the administrator's rule, so that the address uses its own link, as a list of arguments.
 * @returns null if every such command may make an address less reachable: the rule is also for other
 * addresses (possibly of hosts that this one routes for), its table leads to a network that main may not
 * know, or no other route leads out by this link
 */
export function hostRuleRemedy(candidate: Candidate, snapshot: Snapshot): readonly string[] | null {
  const { hostRule, family, address, lookup, selected } = candidate;
  if (!hostRule || hostRule.leadsHere || !lookup?.default) return null;
  const { rule } = hostRule;
  if (rule.sourceLength < hostBits(family) || !leadsToDefaultOnly(rule, snapshot)) return null;
  const rest = foreignRules(snapshot.policyRules, family).filter((each) => each !== rule);
  const found = hostRoute(family, address.address, rest, snapshot.tables[family], groupsOf(snapshot));
  const next = hostRuleFor(found, selected.link.index);
  if (found.kind === 'refused' || (next && !next.leadsHere)) return null;
  const words = policyRuleArguments(rule, snapshot.policyRules);
  return words && ['ip', ...(family === 'ipv6' ? ['-6'] : []), 'rule', 'delete', ...words];
}

/**
 * Whether the table has nothing but default routes and subnets of the host's own links. main passes: its more
 * specific routes stay in use without the rule.
 */
function leadsToDefaultOnly({ family, table }: PolicyRule, { tables, addresses }: Snapshot): boolean {
  if (table === RT_TABLE_MAIN) return true;
  return (tables[family].get(table) ?? []).every(
    ({ prefixLength, destination }) =>
      // A split default has prefixes of length 1.
      prefixLength <= 1 ||
      addresses.some(
        (each) => each.prefixLength === prefixLength && networkOf(each.address, prefixLength) === destination,
      ),
  );
}

const groupsOf =
  ({ links }: Snapshot) =>
  (ifindex: number): number =>
    links.get(ifindex)?.group ?? 0;

/** The command that removes the administrator's policy rule for an address, if that makes no address less reachable. */

import { hostBits, networkOf } from '../netlink/ip.ts';
import { policyRuleArguments } from '../netlink/route/policy-rule-words.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { foreignRules, hostRoute } from '../snapshot/host-route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Candidate } from './candidate.ts';
import { hostRuleFor } from './host-rule.ts';

/**
 * The command that deletes the administrator's rule, so that the address uses its own link, as a list of arguments.
 * @returns null if the deletion may make an address less reachable: the rule is also for other addresses (perhaps of
 * hosts for which this one routes), its table leads to a network that main may not know, or the address would still not
 * leave by this link
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

/**
 * Routes and policy rules of lingering endpoints. While the path is lost they stay, so that they are right when the
 * path comes back; rules by which packets skip the own table are added as the host's rules and routes demand. If the
 * address still works but is no uplink any more, all follow the default route of its link: routes through an old
 * gateway would cut off all traffic from the address.
 */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { NewPolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { isReservedTable } from '../netlink/route/route.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import type { Kept } from './difference.ts';
import type { Evaluation } from './evaluation.ts';
import type { AddressHolders } from './holder.ts';
import { lingeringSource } from './lookup-requests.ts';
import { policyRulesFrom, PRIORITY, policyRulesOf, routingOf, type Routing } from './routing.ts';

export interface LingeringRoutes {
  /** Routings that follow the host's own default route. */
  readonly followed: readonly Routing[];
  readonly kept: Kept;
}

/**
 * The policy rules by which some packets of the address skip its own table, as the host's rules and routes are now.
 * None if no rule leads into its table any more, or if the address is gone.
 */
function rulesBefore(
  { address, ifindex }: Endpoint,
  holder: Evaluation | undefined,
  snapshot: Snapshot,
): readonly NewPolicyRule[] {
  const leading = policyRulesFrom(snapshot, address).find(
    ({ protocol, priority, table }) =>
      protocol === RTPROT_MULTIHOMED && priority === PRIORITY && !isReservedTable(table),
  );
  const existing = snapshot.addresses.find((each) => each.address === address && each.ifindex === ifindex);
  if (!leading || !existing) return [];
  const { family, table } = leading;
  const candidate = holder?.candidate ?? { family, address: existing, lookup: null };
  return policyRulesOf({ ...candidate, table }, snapshot);
}

/** @returns the routings to make, and the routes and policy rules to keep unchanged */
export function lingeringRoutes(
  lingering: readonly Endpoint[],
  evaluations: readonly Evaluation[],
  holders: AddressHolders,
  snapshot: Snapshot,
): LingeringRoutes {
  const followed: Routing[] = [];
  const sources = new Set<string>();
  for (const endpoint of lingering) {
    // Another link has the address now, and carries what the host sends from it.
    if ((holders.of(endpoint.address) ?? endpoint.ifindex) !== endpoint.ifindex) continue;
    const holder = evaluations.find((evaluation) => evaluation.endpoint === endpoint);
    // The administrator's policy rule decides; no rule of multihomed may come before it.
    if (holder?.candidate.hostRule) continue;
    const source =
      !holder || holder.verdict?.state === 'ignored' ? lingeringSource(endpoint, snapshot) : null;
    const found = source?.lookup?.default;
    if (source && found) followed.push(routingOf({ candidate: source, default: found }, snapshot));
    else {
      sources.add(endpoint.address);
      followed.push({ routes: [], policyRules: rulesBefore(endpoint, holder, snapshot) });
    }
  }
  const tables = snapshot.policyRules
    .filter((rule) => rule.source !== null && sources.has(rule.source) && !isReservedTable(rule.table))
    .map((rule) => rule.table);
  return { followed, kept: { sources, tables: new Set(tables) } };
}

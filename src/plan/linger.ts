/**
 * Routes and policy rules of lingering endpoints. While the path is lost they stay unchanged, so that they are right
 * when the path comes back; a rule that keeps packets on main's more specific routes is restored. If the address still works but is no uplink any more, they follow the default route of its
 * link: routes through an old gateway would cut off all traffic from the address.
 */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { NewPolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { isReservedTable, RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import type { Kept } from './difference.ts';
import type { Evaluation } from './evaluation.ts';
import type { AddressHolders } from './holder.ts';
import { lingeringSource } from './lookup-requests.ts';
import {
  policyRulesFrom,
  PRIORITY,
  PRIORITY_SPECIFIC,
  routingOf,
  specificRule,
  type Routing,
} from './routing.ts';

export interface LingeringRoutes {
  /** Routings that follow the host's own default route. */
  readonly followed: readonly Routing[];
  readonly kept: Kept;
}

/**
 * The rule that leads to main's more specific routes, if another program has removed it and left the one that leads into
 * the own table; null: both are there, or neither.
 */
function lostSpecificRule(address: string, snapshot: Snapshot): NewPolicyRule | null {
  const own = policyRulesFrom(snapshot, address).filter(({ protocol }) => protocol === RTPROT_MULTIHOMED);
  const leading = own.find(({ priority, table }) => priority === PRIORITY && !isReservedTable(table));
  const wanted = leading && specificRule(leading.family, address, snapshot);
  const has = own.some(({ table, priority }) => table === RT_TABLE_MAIN && priority >= PRIORITY_SPECIFIC);
  return wanted && !has ? wanted : null;
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
      const lost = lostSpecificRule(endpoint.address, snapshot);
      if (lost) followed.push({ routes: [], policyRules: [lost] });
    }
  }
  const tables = snapshot.policyRules
    .filter((rule) => rule.source !== null && sources.has(rule.source) && !isReservedTable(rule.table))
    .map((rule) => rule.table);
  return { followed, kept: { sources, tables: new Set(tables) } };
}

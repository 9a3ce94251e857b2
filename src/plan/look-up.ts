/** Second step: the addresses of a selected interface, with the results of the kernel's look-ups for each. */

import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { IFA_F_SECONDARY, type Address } from '../netlink/route/address.ts';
import type { Rule } from '../rules/rule.ts';
import { type Snapshot, type RouteLookup, lookupKey } from '../snapshot/snapshot.ts';
import { addressesOf, exclusionOf, isLinkLocal } from './addresses.ts';
import type { Candidate, Exclusion } from './candidate.ts';
import { hostRuleFor } from './host-rule.ts';
import { tableOf } from './select.ts';
import type { Tunnel } from './tunnel.ts';
import type { Selected } from './uplink.ts';

/** The addresses of one interface in one family with their look-ups, usable ones first. */
export function lookUp(
  snapshot: Snapshot,
  selected: Selected,
  family: Family,
  owned: readonly Endpoint[],
  tunnel: Tunnel | null,
): Candidate[] {
  const { rule, link } = selected;
  const addresses = addressesOf(snapshot, link.index, family);
  const lookupOf = (address: Address): RouteLookup | null => {
    const lookup = snapshot.lookups.get(lookupKey(link.index, address.address)) ?? null;
    // With several nexthops the kernel may return the address of another link.
    const here = addresses.some((each) => each.address === lookup?.source);
    return lookup && !here ? { ...lookup, source: null } : lookup;
  };
  const hasEndpoint = (address: Address): boolean =>
    owned.some((each) => each.address === address.address && each.ifindex === link.index);
  const ordered = addresses
    .map((address) => ({
      address,
      lookup: lookupOf(address),
      hasEndpoint: hasEndpoint(address),
      exclusion: exclusionOf(address, rule, lookupOf(address)),
    }))
    .sort((a, b) => preference(a, rule) - preference(b, rule));
  let serving = 0;
  return ordered.map(({ address, lookup, exclusion: own }) => {
    const exclusion = own ?? (++serving > rule.perInterface ? beyondLimit(rule) : null);
    const hostRule = lookup && hostRuleFor(lookup.host, link.index);
    const ownTable = isLinkLocal(address.address) ? null : tableOf(rule, link.index);
    const table = hostRule?.leadsHere ? hostRule.table : ownTable;
    return { selected, family, address, table, hostRule, lookup, tunnel, exclusion };
  });
}

const beyondLimit = ({ perInterface }: Rule): Exclusion => ({
  state: 'ignored',
  reason: { code: 'per-interface', limit: perInterface },
});

interface Ordered {
  readonly address: Address;
  readonly lookup: RouteLookup | null;
  /** Its endpoint is already in place. */
  readonly hasEndpoint: boolean;
  readonly exclusion: Exclusion | null;
}

/**
 * Sort key, lowest first: 0 the default route's preferred source (with `auto` also the kernel's
 * choice), 1 an address whose endpoint is in place, 2 the kernel's choice, 3 primary addresses, 4
 * secondary ones, 5 those that cannot be used.
 */
function preference({ address, lookup, hasEndpoint, exclusion }: Ordered, { addresses }: Rule): number {
  if (exclusion) return 5;
  const taken = lookup?.source === address.address;
  if (lookup?.default?.route.preferredSource === address.address || (taken && addresses === 'auto')) return 0;
  if (hasEndpoint) return 1;
  if (taken) return 2;
  return address.family === 'ipv4' && address.flags & IFA_F_SECONDARY ? 4 : 3;
}

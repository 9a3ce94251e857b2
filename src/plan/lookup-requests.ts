/** The addresses whose routes are looked up for a snapshot. */
import { hostBits } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { IFA_F_NOPREFIXROUTE, type Address } from '../netlink/route/address.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import type { Rule } from '../rules/rule.ts';
import { type KernelObjects, type LookupRequest, lookupKey, type Snapshot } from '../snapshot/snapshot.ts';
import { addressesOf, excludedRange, isUnfinished, isLinkLocal } from './addresses.ts';
import { type RoutedAddress, PRIORITY } from './routing.ts';
import { select, tableOf } from './select.ts';

/** The addresses of uplinks, and those of endpoints that may linger. */
export function lookupRequests(base: KernelObjects, rules: readonly Rule[]): LookupRequest[] {
  const selected = ofUplinks(base, rules);
  const known = new Set(selected.map(({ ifindex, address }) => lookupKey(ifindex, address)));
  const others = base.endpoints
    .filter(({ ifindex, address }) => !known.has(lookupKey(ifindex, address)))
    .flatMap((endpoint) => lingeringSource(endpoint, base) ?? [])
    .map(({ address, table }) => requestOf(address, table, base, 'respect'));
  return [...selected, ...others];
}

function ofUplinks(base: KernelObjects, rules: readonly Rule[]): LookupRequest[] {
  return select(base, rules)
    .filter(({ rule, link }) => !rule.ignore && link.usable)
    .flatMap((selected) =>
      selected.rule.families.flatMap((family) =>
        addressesOf(base, selected.link.index, family)
          .filter((address) => !excludedRange(address, selected.rule) && !isUnfinished(address))
          .map((address) =>
            requestOf(address, tableOf(selected.rule, address.ifindex), base, selected.rule.tunnel),
          ),
      ),
    );
}

/**
 * The address of an endpoint from which a policy rule of multihomed still selects packets, even if no rule of the user
 * selects it now.
 * @returns null: its link or the address is lost, or it never had a table of its own
 */
export function lingeringSource(
  endpoint: Endpoint,
  base: KernelObjects & Partial<Snapshot>,
): RoutedAddress | null {
  const { address, ifindex } = endpoint;
  const existing = base.addresses.find((each) => each.address === address && each.ifindex === ifindex);
  const leading = base.policyRules.find(
    (rule) => rule.protocol === RTPROT_MULTIHOMED && rule.source === address && rule.priority === PRIORITY,
  );
  if (!existing || !leading || !base.links.get(ifindex)?.usable) return null;
  const lookup = base.lookups?.get(lookupKey(ifindex, address)) ?? null;
  return { family: existing.family, address: existing, table: leading.table, lookup };
}

const requestOf = (
  { family, address, ifindex, flags, prefixLength, peer }: Address,
  table: number | null,
  base: KernelObjects,
  tunnel: Rule['tunnel'],
): LookupRequest => ({
  family,
  address,
  ifindex,
  // For IPv4 the kernel adds the connected route unless noprefixroute is set; for IPv6 a router may decide on it.
  prefixLength:
    peer === null && prefixLength < hostBits(family) && (family === 'ipv6' || flags & IFA_F_NOPREFIXROUTE)
      ? prefixLength
      : null,
  table,
  length: prefixLength,
  tunnel,
  alone: isLinkLocal(address) || isAlone({ ifindex, family }, base),
});

/** Whether the link has one address in the family, without link-local ones. */
const isAlone = ({ ifindex, family }: Pick<Address, 'ifindex' | 'family'>, base: KernelObjects): boolean =>
  addressesOf(base, ifindex, family).filter(({ address }) => !isLinkLocal(address)).length === 1;

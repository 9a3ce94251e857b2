/** Finds addresses whose subnet or peer another link has too. */
import { hostBits, networkOf } from '../netlink/ip.ts';
import type { Address } from '../netlink/route/address.ts';

const byText = new WeakMap<readonly Address[], Map<string, Address[]>>();

/** The address on every link that has it. */
export function sameAddress(address: string, addresses: readonly Address[]): readonly Address[] {
  let known = byText.get(addresses);
  if (!known) {
    known = new Map();
    for (const each of addresses) known.set(each.address, [...(known.get(each.address) ?? []), each]);
    byText.set(addresses, known);
  }
  return known.get(address) ?? [];
}

/** Links by subnet. */
type Index = Map<string, Set<number>>;

const indices = new WeakMap<readonly Address[], Index>();

/**
 * Whether another link has the same subnet. Subnets of different lengths do not count, because the routes of the longer
 * one are more specific. If another link has the same address, main alone decides which of the links has the subnet: a
 * rule of multihomed could take it from the other.
 */
export function sharesSubnet(own: Address, addresses: readonly Address[]): boolean {
  if (sameAddress(own.address, addresses).some(({ ifindex }) => ifindex !== own.ifindex)) return false;
  const subnet = subnetOf(own);
  const links = subnet === null ? undefined : linksBySubnet(addresses).get(subnet);
  return links !== undefined && (links.size > 1 || !links.has(own.ifindex));
}

function linksBySubnet(addresses: readonly Address[]): Index {
  const known = indices.get(addresses);
  if (known) return known;
  const index: Index = new Map();
  for (const each of addresses) {
    const subnet = subnetOf(each);
    if (subnet !== null) index.set(subnet, (index.get(subnet) ?? new Set()).add(each.ifindex));
  }
  indices.set(addresses, index);
  return index;
}

/** The destination of the address's connected route; null: it has none. */
function subnetOf({ family, address, peer, prefixLength }: Address): string | null {
  if (prefixLength >= hostBits(family) && peer === null) return null;
  return `${networkOf(peer ?? address, prefixLength)}/${prefixLength}`;
}

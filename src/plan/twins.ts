/** Which addresses have a twin: another link with the same subnet, or the same peer. */
import { hostBits, networkOf } from '../netlink/ip.ts';
import type { Address } from '../netlink/route/address.ts';

const byText = new WeakMap<readonly Address[], Map<string, Address[]>>();

/** Every link's, where several have one address. */
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
 * Of subnets of different lengths the longer one's routes are the more specific ones: they are no twins. Where another link
 * has the very address, main alone decides which of them has the subnet: a rule of ours could take it from the other.
 */
export function hasTwin(own: Address, addresses: readonly Address[]): boolean {
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

/** What the address's connected route leads to; null: it has none. */
function subnetOf({ family, address, peer, prefixLength }: Address): string | null {
  if (prefixLength >= hostBits(family) && peer === null) return null;
  return `${networkOf(peer ?? address, prefixLength)}/${prefixLength}`;
}

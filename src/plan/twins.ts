/** Which addresses have a twin: another link with an address in the same subnet. */
import { hostBits, networkOf } from '../netlink/ip.ts';
import type { Address } from '../netlink/route/address.ts';

/** By `family/length/asked`: links by the network that their addresses of one prefix length lie in, cut to `asked` bits. */
type Index = Map<string, Map<string, Set<number>>>;

const indices = new WeakMap<readonly Address[], Index>();

export function hasTwin(own: Address, addresses: readonly Address[]): boolean {
  if (own.prefixLength >= hostBits(own.family)) return false;
  const index = indices.get(addresses) ?? new Map<string, Map<string, Set<number>>>();
  indices.set(addresses, index);
  return lengthsOf(addresses, own).some((length) => {
    const cut = Math.min(length, own.prefixLength);
    const links = linksBy(index, addresses, own, length, cut).get(networkOf(own.address, cut));
    return links !== undefined && (links.size > 1 || !links.has(own.ifindex));
  });
}

/** There are few of them, whatever number of addresses. */
function lengthsOf(addresses: readonly Address[], { family }: Address): number[] {
  const lengths = new Set<number>();
  for (const each of addresses) if (each.family === family) lengths.add(each.prefixLength);
  return [...lengths].filter((length) => length < hostBits(family));
}

function linksBy(
  index: Index,
  addresses: readonly Address[],
  { family }: Address,
  length: number,
  cut: number,
): Map<string, Set<number>> {
  const key = `${family}/${length}/${cut}`;
  const known = index.get(key);
  if (known) return known;
  const links = new Map<string, Set<number>>();
  for (const each of addresses) {
    if (each.family !== family || each.prefixLength !== length) continue;
    const network = networkOf(each.address, cut);
    links.set(network, (links.get(network) ?? new Set()).add(each.ifindex));
  }
  index.set(key, links);
  return links;
}

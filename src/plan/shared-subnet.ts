/** Finds addresses whose subnet or peer another link has too. */
import { hostBits, networkOf } from '../netlink/ip.ts';
import type { Address } from '../netlink/route/address.ts';
import { groupedBy } from './grouped-by.ts';

const byText = groupedBy(({ address }: Address) => address);

/** The address on every link that has it. */
export const sameAddress = (address: string, addresses: readonly Address[]): readonly Address[] =>
  byText(addresses, address);

const bySubnet = groupedBy(subnetOf);

/**
 * Whether another link has the same subnet. Subnets of different lengths do not count, because the routes of the longer
 * one are more specific. If another link has the same address, main alone decides which of the links has the subnet: a
 * rule of multihomed could take it from the other.
 */
export function sharesSubnet(own: Address, addresses: readonly Address[]): boolean {
  if (sameAddress(own.address, addresses).some(({ ifindex }) => ifindex !== own.ifindex)) return false;
  const subnet = subnetOf(own);
  return subnet !== null && bySubnet(addresses, subnet).some(({ ifindex }) => ifindex !== own.ifindex);
}

/** The destination of the address's connected route; null: it has none. */
function subnetOf({ family, address, peer, prefixLength }: Address): string | null {
  if (prefixLength >= hostBits(family) && peer === null) return null;
  return `${networkOf(peer ?? address, prefixLength)}/${prefixLength}`;
}

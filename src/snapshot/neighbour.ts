/** Finds out whether an address's own subnet is on its link. */
import type { Requester } from '../netlink/connection.ts';
import { addressBytes, addressFamily, readAddress } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import { RTN_UNICAST } from '../netlink/route/route.ts';
import type { LookupRequest } from './snapshot.ts';

/**
 * Whether neighbours in the address's own subnet are reached without a gateway. One neighbour is looked up. If it is an
 * address of this host, a broadcast or anycast address (RTN_LOCAL, RTN_BROADCAST, RTN_ANYCAST) or has a route of its
 * own, such as a gateway, the next one is looked up: these have routes even if the subnet has none.
 */
export async function isOnLink(requester: Requester, request: LookupRequest): Promise<boolean> {
  const { family, ifindex, address, prefixLength } = request;
  if (prefixLength === null) return true;
  for (const destination of neighboursOf(address, prefixLength)) {
    const lookup = await askFib(requester, { family, destination, ifindex });
    if (!('route' in lookup)) return false;
    const { route } = lookup;
    if (route.type !== RTN_UNICAST || route.prefixLength > prefixLength) continue;
    return (
      route.prefixLength > 0 && route.hops.some((hop) => hop.ifindex === ifindex && hop.gateway === null)
    );
  }
  return false;
}

/**
 * Bits to flip in the last byte, one neighbour for each. The second lowest is first, because
 * it seldom gives a broadcast address.
 */
const FLIPPED_BITS = [2, 1, 3, 4, 8, 16, 32, 64, 128];

/** Other addresses in the same subnet, up to nine. `prefixLength`: in bits. */
export function neighboursOf(address: string, prefixLength: number): string[] {
  const bytes = addressBytes(address);
  const last = bytes.length - 1;
  const size = 2 ** (bytes.length * 8 - prefixLength);
  return FLIPPED_BITS.filter((bits) => bits < size).map((bits) => {
    const other = Buffer.from(bytes);
    other[last] = other[last]! ^ bits;
    return readAddress(addressFamily(address), other);
  });
}

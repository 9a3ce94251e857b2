/** Whether an address's own subnet is on its link. */
import type { Requester } from '../netlink/connection.ts';
import { addressBytes, addressFamily, readAddress } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import type { Question } from './snapshot.ts';

/** Whether a neighbour in the address's own subnet is reached without a gateway: asked for one that is not itself. */
export async function isOnLink(requester: Requester, question: Question): Promise<boolean> {
  const { family, ifindex, address, prefixLength } = question;
  if (prefixLength === null) return true;
  const answer = await askFib(requester, {
    family,
    destination: neighbourOf(address, prefixLength),
    ifindex,
  });
  if (!('route' in answer)) return false;
  const { route } = answer;
  return route.prefixLength > 0 && route.hops.some((hop) => hop.ifindex === ifindex && hop.gateway === null);
}

/** Another address of the subnet: the last bit turned in the smallest one, the last but one elsewhere. */
function neighbourOf(address: string, prefixLength: number): string {
  const bytes = addressBytes(address);
  const last = bytes.length - 1;
  bytes[last] = bytes[last]! ^ (prefixLength >= bytes.length * 8 - 1 ? 1 : 2);
  return readAddress(addressFamily(address), bytes);
}

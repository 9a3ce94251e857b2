/** Finds where packets from an address leave now. */
import { constants } from 'node:os';
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { RTN_UNICAST } from '../netlink/route/route.ts';
import type { RouteLookup, LookupRequest, Egress } from './snapshot.ts';
import { probeFib, type FibProbe } from './probe-fib.ts';

/**
 * Looks up the routes from an address, for a socket that is bound to its interface and for one that is not. `plain`:
 * the look-up without device and source.
 */
export async function findEgresses(
  requester: Requester,
  { family, address: source, ifindex }: Pick<LookupRequest, 'family' | 'address' | 'ifindex'>,
  plain: () => Promise<FibProbe>,
): Promise<Pick<RouteLookup, 'bound' | 'unbound'>> {
  const unbound = probeFib(requester, family, { source }, plain);
  const bound = probeFib(requester, family, { source, ifindex }, () => unbound);
  const [withSource, withDevice] = await Promise.all([unbound, bound]);
  return { bound: asEgress(withDevice, source, ifindex), unbound: asEgress(withSource, source) };
}

function asEgress({ route, specific, error }: FibProbe, source: string, ifindex?: number): Egress {
  if (specific) return { kind: 'specific' };
  if (!route || route.type !== RTN_UNICAST)
    return {
      kind: 'none',
      error:
        error ??
        new NetlinkError({ operation: `route get from ${source}`, errno: constants.errno.EHOSTUNREACH }),
    };
  const hop = route.hops.find((each) => each.ifindex === ifindex) ?? route.hops[0];
  return {
    kind: 'leaves',
    ifindex: route.hops.map((each) => each.ifindex),
    gateway: hop?.gateway ?? null,
    table: route.table,
  };
}

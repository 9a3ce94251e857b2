/** Finds where packets from an address leave now. */
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { RTN_UNICAST } from '../netlink/route/route.ts';
import type { Answer, Question, Way } from './snapshot.ts';
import { walk, type Walked } from './walk.ts';

/**
 * Looks up the routes from an address, for a socket that is bound to its interface and for one that is not. `plain`:
 * the look-up without device and source.
 */
export async function findWays(
  requester: Requester,
  { family, address: source, ifindex }: Pick<Question, 'family' | 'address' | 'ifindex'>,
  plain: () => Promise<Walked>,
): Promise<Pick<Answer, 'bound' | 'unbound'>> {
  const unbound = walk(requester, family, { source }, plain);
  const bound = walk(requester, family, { source, ifindex }, () => unbound);
  const [free, fixed] = await Promise.all([unbound, bound]);
  return { bound: asWay(fixed, source, ifindex), unbound: asWay(free, source) };
}

function asWay({ route, specific, error }: Walked, source: string, ifindex?: number): Way {
  if (specific) return { kind: 'specific' };
  if (!route || route.type !== RTN_UNICAST)
    return {
      kind: 'none',
      error: error ?? new NetlinkError({ operation: `route get from ${source}`, errno: 113 }),
    };
  const hop = route.hops.find((each) => each.ifindex === ifindex) ?? route.hops[0];
  return {
    kind: 'leaves',
    ifindex: route.hops.map((each) => each.ifindex),
    gateway: hop?.gateway ?? null,
    table: route.table,
  };
}

/** Checks that multihomed does not change the route of packets from other addresses or to other destinations. */
import { lookup } from './fib.ts';
import { withoutMultihomed } from './decision.ts';
import type { Wanted } from './expected.ts';
import { Refusal, type ModelAddress, type State } from './state.ts';
import { INSIDE, SERVER, takesAll, withoutTunnel } from './tunnel.ts';

/** A destination for which another program has a policy rule, and one that only a default route reaches. */
const RULED = '198.18.0.1';
const ELSEWHERE = '203.0.113.77';

export function otherTrafficFaults(state: State, wanted: readonly Wanted[]): string[] {
  const host = withoutMultihomed(state);
  const bypassed = takesAll(host) ? withoutTunnel(host) : host;
  const own = new Set(
    state.policyRules.filter(({ maker }) => maker === 'daemon').map(({ source }) => source),
  );
  const found: string[] = [];
  for (const address of state.addresses) {
    if (address.family !== 'ipv4') continue;
    const uplink = wanted.find((each) => each.address.address === address.address);
    for (const destination of [RULED, ELSEWHERE, SERVER, INSIDE]) {
      // An uplink whose rule bypasses a tunnel takes the routes that the host has without the tunnel.
      const without = uplink?.rule.tunnel === 'bypass' && destination === RULED ? bypassed : host;
      const before = routeOf(without, address, destination);
      // multihomed may change an uplink's default route, but no more specific route of main, and not the route of a
      // destination that a rule of the host selects.
      const kept =
        destination === RULED ? isByDestination(without, address, before) : isSpecific(before, destination);
      if ((uplink || own.has(address.address)) && !kept) continue;
      const now = routeOf(state, address, destination);
      if (now !== before)
        found.push(
          `packets from ${address.address} to ${destination} take ${now}, and without multihomed ${before}`,
        );
    }
  }
  return found;
}

/** Whether a route of main for few destinations leads to the tunnel's server, or to a network inside the tunnel. */
const isSpecific = (route: string, destination: string): boolean =>
  route.startsWith(destination === SERVER ? '32 ' : '16 ') && route.endsWith(' table 254');

function routeOf(state: State, { family, address: source }: ModelAddress, destination: string): string {
  try {
    const route = lookup(state, { family, destination, source })?.route;
    if (!route) return 'no route';
    const hops = route.hops.map(({ ifindex, gateway }) => `${gateway} dev ${ifindex}`);
    return `${route.prefixLength} ${hops.join(' + ')} table ${route.table}`;
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

/** Whether the route comes from the table of a rule for the destination, and not from a rule for the source only. */
const isByDestination = (without: State, address: ModelAddress, route: string): boolean =>
  route.endsWith(' table 77') &&
  routeOf(
    Object.assign(Object.create(Object.getPrototypeOf(without) as object) as State, without, {
      policyRules: without.policyRules.filter(({ destination }) => destination === null),
    }),
    address,
    RULED,
  ) !== route;

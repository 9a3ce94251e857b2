/** Checks that multihomed does not change the route of packets from other addresses or to other destinations. */
import { lookup } from './fib.ts';
import { withoutOurs, type Wanted } from './expected.ts';
import { Refusal, type ModelAddress, type State } from './state.ts';

/** A destination for which another program has a policy rule, and one that only a default route reaches. */
const RULED = '198.18.0.1';
const ELSEWHERE = '203.0.113.77';

export function otherTrafficFaults(state: State, wanted: readonly Wanted[]): string[] {
  const without = withoutOurs(state);
  const own = new Set(
    state.policyRules.filter(({ maker }) => maker === 'daemon').map(({ source }) => source),
  );
  const found: string[] = [];
  for (const address of state.addresses) {
    if (address.family !== 'ipv4') continue;
    const uplink =
      own.has(address.address) || wanted.some((each) => each.address.address === address.address);
    for (const destination of [RULED, ELSEWHERE]) {
      const before = routeOf(without, address, destination);
      // multihomed may change an uplink's default route, but not the route of a destination that a rule of the host
      // selects.
      if (uplink && !(destination === RULED && isByDestination(without, address, before))) continue;
      const now = routeOf(state, address, destination);
      if (now !== before)
        found.push(`packets from ${address.address} to ${destination} take ${now}, and without us ${before}`);
    }
  }
  return found;
}

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

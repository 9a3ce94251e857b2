/** Whether the program changes the route of anything that is not its own: packets of other addresses, and to other places. */
import { lookup } from './fib.ts';
import { withoutOurs, type Wanted } from './expected.ts';
import { Refusal, type ModelAddress, type State } from './state.ts';

/** Where a rule of the world's leads to by its destination, and where only a default leads. */
const RULED = '198.18.0.1';
const ELSEWHERE = '203.0.113.77';

export function strayFaults(state: State, wanted: readonly Wanted[]): string[] {
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
      // An uplink's default is its own; what a rule for a destination leads into its table is the host's decision.
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

/** The table that such a rule leads to has the route, and no rule for the source alone leads to it. */
const isByDestination = (without: State, address: ModelAddress, route: string): boolean =>
  route.endsWith(' table 77') &&
  routeOf(
    Object.assign(Object.create(Object.getPrototypeOf(without) as object) as State, without, {
      policyRules: without.policyRules.filter(({ destination }) => destination === null),
    }),
    address,
    RULED,
  ) !== route;

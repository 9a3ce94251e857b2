/** Look-ups that show whether main may have a route for half of all addresses. */
import { constants } from 'node:os';
import type { Family } from '../../src/netlink/ip.ts';
import { HALVES } from '../../src/snapshot/halves.ts';
import { lookup } from './fib.ts';
import { Refusal, type State } from './state.ts';

/** Whether main may have a route for half of all addresses, as far as look-ups show it. */
export function mayHaveHalves(state: State, family: Family): boolean {
  const mayHaveHalf = (destinations: readonly string[]): boolean => {
    for (const destination of destinations) {
      try {
        const route = lookup(state, { family, destination })?.route;
        if (!route) return false;
        if (route.table !== 254) return true;
        if (route.prefixLength <= 1) return route.prefixLength === 1;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.errno === constants.errno.ENETUNREACH) return false;
      }
    }
    return true;
  };
  return HALVES[family].some(mayHaveHalf);
}

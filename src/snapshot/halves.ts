/** Whether main may have a route for half of all addresses (/1), with which VPN clients cover the default route. */
import type { Family } from '../netlink/ip.ts';
import type { Fib } from '../netlink/route/fib.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import type { HostEgress } from './host-egress.ts';

/** Addresses of the lower and of the upper half; no packet is ever sent there. */
export const HALVES: Readonly<Record<Family, readonly (readonly string[])[]>> = {
  ipv4: [
    ['45.0.0.1', '11.0.0.1', '100.127.255.1'],
    ['192.31.196.1', '203.0.113.1', '240.0.0.1'],
  ],
  ipv6: [
    ['2001:4:112::1', '2001:db8::1', '4000::1'],
    ['a000::1', 'c000::1'],
  ],
};

/**
 * Looks up addresses of both halves. If a rule for all packets without a certain mark leads elsewhere, as wg-quick(8)
 * adds it, the look-ups have that mark.
 * @returns true also if it is not certain, because other rules or more specific routes answer
 * @throws NetlinkError, DecodeError
 */
export async function mayHaveHalves(fib: Fib, family: Family, egress: HostEgress | null): Promise<boolean> {
  const rule = egress?.rule;
  const mark = rule?.invert ? rule.fwmark : 0;
  const both = HALVES[family].map((destinations) => mayHaveHalf(fib, family, destinations, mark));
  return (await Promise.all(both)).includes(true);
}

async function mayHaveHalf(
  fib: Fib,
  family: Family,
  destinations: readonly string[],
  mark: number,
): Promise<boolean> {
  for (const destination of destinations) {
    const found = await fib({ family, destination, mark });
    if ('error' in found) {
      if (found.error.code === 'ENETUNREACH') return false;
      continue;
    }
    const { table, prefixLength } = found.route;
    if (table !== RT_TABLE_MAIN) return true;
    if (prefixLength <= 1) return prefixLength === 1;
  }
  return true;
}

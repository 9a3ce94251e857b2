/**
 * Finds packets that a firewall's mark keeps from the gateway. The mark makes the kernel look up their route again. If
 * the policy rules for the mark have no route through the socket's device, the kernel takes an IPv4 destination for a
 * neighbour on that device and reports no error until the search has failed (`ip neighbour show dev DEVICE`).
 */
import type { Requester } from '../netlink/connection.ts';
import { inNetwork } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import { dumpNeighbours, NUD_FAILED, NUD_INCOMPLETE, type Neighbour } from '../netlink/route/neighbour.ts';

export interface Misrouted {
  /** The kernel looked for it on the link, although its route leads through the gateway. */
  readonly destination: string;
  /** When, in milliseconds since the epoch. */
  readonly at: number;
}

export interface MisroutedQuery {
  readonly ifindex: number;
  /** IPv4. */
  readonly address: string;
  readonly prefixLength: number;
  /** Neighbours of the link that are no evidence: the gateways. */
  readonly gateways: ReadonlySet<string>;
  /** Since when the address has its routes, in milliseconds since the epoch. */
  readonly since: number;
}

/** Milliseconds after which a search is no evidence any more, because the firewall may have changed. */
export const MISROUTED_MS = 60_000;
/** Milliseconds from the first ARP request to NUD_FAILED: three requests, one a second, and a margin. */
const SEARCH_MS = 4_000;
/** Maximum number of destinations that are looked up, the latest first. */
const MAX_LOOKUPS = 16;

/**
 * The latest destination that was misrouted; null: none. `now`: milliseconds since the epoch.
 * @throws NetlinkError, DecodeError
 */
export async function findMisrouted(
  route: Requester,
  query: MisroutedQuery,
  now: number,
): Promise<Misrouted | null> {
  const began = ({ state, age }: Neighbour): number => now - age - (state === NUD_FAILED ? SEARCH_MS : 0);
  const candidates = (await dumpNeighbours(route, query.ifindex))
    .filter(
      (neighbour) =>
        (neighbour.state === NUD_INCOMPLETE || neighbour.state === NUD_FAILED) &&
        neighbour.age < MISROUTED_MS &&
        began(neighbour) > query.since &&
        !query.gateways.has(neighbour.address) &&
        !inNetwork(neighbour.address, query.address, query.prefixLength),
    )
    .sort((one, other) => one.age - other.age);
  for (const { address: destination, age } of candidates.slice(0, MAX_LOOKUPS))
    if (await isBehindGateway(route, destination, query)) return { destination, at: now - age };
  return null;
}

/** Whether unmarked packets to it are sent to a gateway, also those of a socket that is bound to the device alone. */
async function isBehindGateway(
  route: Requester,
  destination: string,
  { ifindex, address }: MisroutedQuery,
): Promise<boolean> {
  for (const source of [address, undefined]) {
    const answer = await askFib(route, { family: 'ipv4', destination, source, ifindex });
    const hops = 'route' in answer ? answer.route.hops : [];
    if (!hops.some((hop) => hop.ifindex === ifindex && hop.gateway !== null)) return false;
  }
  return true;
}

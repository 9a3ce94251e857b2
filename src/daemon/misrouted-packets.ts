/** Reads which uplinks have packets that do not reach the gateway; only on a request for the state of uplinks. */
import { DecodeError } from '../netlink/attribute.ts';
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { isUsed } from '../plan/evidence.ts';
import type { Uplink } from '../plan/uplink.ts';
import { findMisrouted, MISROUTED_MS, type Misrouted } from '../snapshot/misrouted.ts';
import type { PassResult } from './parts.ts';

export class MisroutedPackets {
  readonly #route: Requester;
  #found = new Map<string, Misrouted>();

  constructor(route: Requester) {
    this.#route = route;
  }

  /** By the key of the uplink: what the last `read` found, without entries that are too old. */
  get found(): ReadonlyMap<string, Misrouted> {
    const oldest = Date.now() - MISROUTED_MS;
    return new Map([...this.#found].filter(([, { at }]) => at > oldest));
  }

  /** Reads the neighbours of each used IPv4 uplink. Without an answer of the kernel there is no evidence. */
  async read({ plan: { uplinks }, since }: Pick<PassResult, 'plan' | 'since'>): Promise<void> {
    const found = new Map<string, Misrouted>();
    for (const uplink of uplinks) {
      const misrouted = await this.#readUplink(uplink, uplinks, since.get(uplink.key)).catch(noAnswer);
      if (misrouted) found.set(uplink.key, misrouted);
    }
    this.#found = found;
  }

  async #readUplink(
    uplink: Uplink,
    uplinks: readonly Uplink[],
    since: number | undefined,
  ): Promise<Misrouted | null> {
    const { family, ifindex, address, prefixLength, gateway } = uplink;
    if (!isUsed(uplink) || family !== 'ipv4' || address === null || prefixLength === null) return null;
    if (gateway === null || since === undefined) return null;
    const gateways = new Set(
      uplinks.flatMap((other) => (other.ifindex === ifindex && other.gateway ? other.gateway : [])),
    );
    return findMisrouted(this.#route, { ifindex, address, prefixLength, gateways, since }, Date.now());
  }
}

function noAnswer(error: unknown): null {
  if (error instanceof NetlinkError || error instanceof DecodeError) return null;
  throw error;
}

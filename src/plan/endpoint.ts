/** The endpoints that multihomed owns, and the endpoint that an uplink is to have. */
import { addressFamily, unmapIPv4, type Family } from '../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, type Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { flagBits } from '../netlink/mptcp/flags.ts';
import type { State } from '../actions/state.ts';
import type { Candidate } from './candidate.ts';

/** How many ids there are: 1 to 255. */
const IDS = 255;

/** The endpoint that an uplink has; null: none. */
export function endpointOf(candidate: Candidate, owned: readonly Endpoint[]): Endpoint | null {
  const { address, selected } = candidate;
  return (
    owned.find((each) => each.address === address.address && each.ifindex === selected.link.index) ?? null
  );
}

/** MPTCP_PM_ADDR_FLAG_* bits of the rule, without those that this kernel does not know. */
export function wantedFlags(candidate: Candidate, state: State): number {
  return flagBits(candidate.selected.rule.flags) & ~state.unknownFlags;
}

/**
 * The endpoint to add. It takes the id of an implicit endpoint (which the kernel made by itself) on the same
 * address, and the next free id otherwise; 0: no id is free. An endpoint with a port does not replace an implicit
 * one: to the kernel they are two endpoints.
 */
export function newEndpoint(
  candidate: Candidate,
  snapshot: Snapshot,
  state: State,
  taken: ReadonlySet<number>,
): { endpoint: Endpoint; implicit: boolean } {
  const { address, selected } = candidate;
  const implicit = snapshot.endpoints.find(
    (each) =>
      selected.rule.port === null &&
      each.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT &&
      unmapIPv4(each.address) === address.address,
  );
  return {
    implicit: implicit !== undefined,
    endpoint: {
      id: implicit?.id ?? nextId(state.lastId, taken),
      address: address.address,
      ifindex: selected.link.index,
      flags: wantedFlags(candidate, state),
      port: selected.rule.port ?? 0,
    },
  };
}

/**
 * The next free id after the last one that was used. A peer may still have a path under an id that became free just
 * now.
 */
function nextId(last: number, taken: ReadonlySet<number>): number {
  for (let step = 1; step <= IDS; step++) {
    const id = ((last + step - 1) % IDS) + 1;
    if (!taken.has(id)) return id;
  }
  return 0;
}

/** The family of its address; IPv4 for an IPv4-mapped IPv6 address. */
export const endpointFamily = (endpoint: Endpoint): Family => addressFamily(unmapIPv4(endpoint.address));

/** Which of the kernel's endpoints multihomed added. */
import { sameEndpoint } from '../netlink/mptcp/flags.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { State } from './state.ts';

/**
 * Whether multihomed added this endpoint: id, address and device match the record that was written before the
 * addition, and so do the flags that cannot be changed in place. The id alone is no proof: another program that
 * deletes the endpoint and adds its own may be given the same id.
 */
export function isOwned(state: State, endpoint: Endpoint): boolean {
  const owned = state.owned.get(endpoint.id);
  return owned !== undefined && sameEndpoint(owned, endpoint);
}

/** The owned endpoints that the kernel has. All fields are the kernel's but the port, which its dumps leave out. */
export function ownedEndpoints(snapshot: Snapshot, state: State): Endpoint[] {
  return snapshot.endpoints
    .filter((endpoint) => isOwned(state, endpoint))
    .map((endpoint) => ({ ...endpoint, port: state.owned.get(endpoint.id)!.port }));
}

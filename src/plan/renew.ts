/**
 * Endpoints that are deleted and added again. The kernel tries each endpoint once per connection, and does not
 * re-establish a lost subflow; but it tries a newly added endpoint on all connections.
 */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { lookupKey, type Snapshot } from '../snapshot/snapshot.ts';

/** Whether the endpoint is to be deleted and added again. */
export const isRenewed = (
  { ifindex, address, id }: Endpoint,
  { renewals }: Pick<Snapshot, 'renewals'>,
): boolean => renewals?.get(lookupKey(ifindex, address)) === id;

/** The same, if no open connection has a subflow that the deletion would close. */
export const mayRenew = (endpoint: Endpoint, snapshot: Snapshot): boolean =>
  isRenewed(endpoint, snapshot) &&
  snapshot.connections !== undefined &&
  !snapshot.connections.some((locals) => locals.includes(endpoint.address));

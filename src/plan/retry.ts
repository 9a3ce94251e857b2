/**
 * Tries of an endpoint for connections that have lost their subflow there, or to see whether its path works. The kernel tries each endpoint once per
 * connection; deleting and adding it again would close the subflows of all others. An endpoint without an address, but
 * with the device, opens one subflow with the endpoint's own id for each connection below the limit of subflows.
 */
import type { Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import { lookupKey, type Snapshot } from '../snapshot/snapshot.ts';
import type { Evaluation } from './evaluation.ts';

const HIGHEST_ID = 255;
const NO_ADDRESS = { ipv4: '0.0.0.0', ipv6: '::' } as const;

/** At most one per pass: the next may need another limit. */
export function retryActions(
  evaluations: readonly Evaluation[],
  { retries, endpoints, limits }: Snapshot,
  { slots, raised }: State,
): readonly Action[] {
  if (!retries || retries.size === 0 || endpoints.length >= slots) return [];
  // A limit that another program has set since stays as it is.
  if (raised.subflows?.foreign) return [];
  const used = new Set(endpoints.map(({ id }) => id));
  const id = Array.from({ length: HIGHEST_ID }, (_, at) => HIGHEST_ID - at).find((each) => !used.has(each));
  for (const { candidate, endpoint, verdict } of evaluations) {
    const { family, address, selected } = candidate;
    const retry = retries.get(lookupKey(address.ifindex, address.address));
    if (retry === undefined || id === undefined || !endpoint || verdict?.state !== 'active') continue;
    const during = retry ?? limits.subflows;
    if (during > limits.subflows) continue;
    return [
      {
        kind: 'endpoint try',
        endpoint: { ...endpoint, id, address: NO_ADDRESS[family] },
        device: selected.link.name,
        subflows: { during, after: limits.subflows },
      },
    ];
  }
  return [];
}

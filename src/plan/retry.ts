/**
 * Tries of an endpoint for connections that have lost their subflow there, or to see whether its path works. The kernel
 * tries each endpoint once per connection; deleting and adding it again would close the subflows of all others. An
 * endpoint without an address, but with the device, opens one subflow with the endpoint's own id for each connection
 * below the limit of subflows.
 */
import type { Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import { lookupKey, type Snapshot } from '../snapshot/snapshot.ts';
import type { Evaluation } from './evaluation.ts';
import type { RetryObstacle } from './uplink.ts';

const HIGHEST_ID = 255;
const NO_ADDRESS = { ipv4: '0.0.0.0', ipv6: '::' } as const;

export interface Retry {
  readonly actions: readonly Action[];
  /** Why no try can be made; null: it can. */
  readonly obstacle: RetryObstacle | null;
}

const impossible = (obstacle: RetryObstacle): Retry => ({ actions: [], obstacle });

/** At most one per pass: the next may need another limit. */
export function retry(
  evaluations: readonly Evaluation[],
  { retries, endpoints, limits }: Snapshot,
  { slots, raised }: State,
): Retry {
  if (!retries || retries.size === 0) return { actions: [], obstacle: null };
  const used = new Set(endpoints.map(({ id }) => id));
  const id = Array.from({ length: HIGHEST_ID }, (_, at) => HIGHEST_ID - at).find((each) => !used.has(each));
  if (endpoints.length >= slots || id === undefined) return impossible('no-free-slot');
  // A limit that another program has set since stays as it is.
  if (raised.subflows?.foreign) return impossible('foreign-limit');
  let obstacle: RetryObstacle | null = null;
  for (const { candidate, endpoint, verdict } of evaluations) {
    const { family, address, selected } = candidate;
    const wanted = retries.get(lookupKey(address.ifindex, address.address));
    if (wanted === undefined || !endpoint || verdict?.state !== 'active') continue;
    const during = wanted ?? limits.subflows;
    if (during > limits.subflows) {
      obstacle = 'limit-reached';
      continue;
    }
    const action: Action = {
      kind: 'endpoint try',
      endpoint: { ...endpoint, id, address: NO_ADDRESS[family] },
      device: selected.link.name,
      subflows: { during, after: limits.subflows },
    };
    return { actions: [action], obstacle: null };
  }
  return { actions: [], obstacle };
}

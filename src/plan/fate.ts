/** What becomes of owned endpoints that no uplink holds any more. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { endpointFamily } from './endpoint.ts';
import type { Entry } from './entry.ts';
import { countCut } from './withdraw.ts';

export interface Fate {
  readonly deletions: Endpoint[];
  readonly lingering: Endpoint[];
  /** Of lingering ones that the user took away: how many connections their removal would cut. */
  readonly cut: ReadonlyMap<Endpoint, number>;
}

/**
 * An endpoint that no uplink holds goes at once if its family has another active one, and stays otherwise: its removal
 * would close the last subflow, and the kernel gives a connection without one up after net.mptcp.close_timeout.
 * One that the user took away (`leaving`) is removed as soon as that cuts no connection.
 */
export function decideFate(
  entries: readonly Entry[],
  owned: readonly Endpoint[],
  active: ReadonlySet<Family>,
  leaving: readonly Endpoint[],
  connections: Snapshot['connections'],
): Fate {
  const deletions: Endpoint[] = [];
  const lingering: Endpoint[] = [];
  for (const endpoint of owned) {
    if (connections && leaving.includes(endpoint)) continue;
    const holder = entries.find((entry) => entry.endpoint === endpoint);
    if (holder?.verdict?.state === 'active' || holder?.verdict?.state === 'verified') continue;
    const moved = entries.some(
      (entry) =>
        entry !== holder &&
        entry.viable &&
        entry.verdict?.state === 'verified' &&
        entry.candidate.address.address === endpoint.address,
    );
    if (moved) deletions.push(endpoint);
    else if (!active.has(endpointFamily(endpoint)) || hasSuccessor(endpoint, holder, entries))
      lingering.push(endpoint);
    else deletions.push(endpoint);
  }
  const cut = new Map<Endpoint, number>();
  for (const endpoint of connections ? leaving : []) {
    const removed = new Set([...deletions, endpoint].map(({ address }) => address));
    const used = (connections ?? []).filter((locals) => locals.includes(endpoint.address));
    const count = countCut(used, removed);
    if (count === 0) deletions.push(endpoint);
    else {
      lingering.push(endpoint);
      cut.set(endpoint, count);
    }
  }
  return { deletions, lingering, cut };
}

/** Its address still works, and another of the same interface is on the way to take its place: new first, then old. */
function hasSuccessor(endpoint: Endpoint, holder: Entry | undefined, entries: readonly Entry[]): boolean {
  if (!holder?.candidate.selected.link.usable || holder.verdict?.state !== 'ignored') return false;
  return entries.some(
    (entry) =>
      entry.candidate.selected.link.index === endpoint.ifindex &&
      entry.candidate.family === endpointFamily(endpoint) &&
      entry.viable !== null &&
      (entry.verdict === null || entry.verdict.state === 'verified'),
  );
}

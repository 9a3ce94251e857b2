/** What becomes of owned endpoints that no uplink holds any more. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { isReservedTable } from '../netlink/route/route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Kept } from './difference.ts';
import { endpointFamily } from './endpoint.ts';
import type { Entry } from './entry.ts';

export interface Fate {
  readonly deletions: Endpoint[];
  readonly lingering: Endpoint[];
}

/**
 * An endpoint that no uplink holds goes at once if its family has another active one, and stays otherwise: its removal
 * would close the last subflow, and the kernel gives a connection without one up after net.mptcp.close_timeout.
 */
export function decideFate(
  entries: readonly Entry[],
  owned: readonly Endpoint[],
  active: ReadonlySet<Family>,
): Fate {
  const deletions: Endpoint[] = [];
  const lingering: Endpoint[] = [];
  for (const endpoint of owned) {
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
  return { deletions, lingering };
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

/**
 * The way of a lingering endpoint stays as it stands while it is lost, unless its address has found another link. An
 * address that works and only is no uplink any more follows the host's own routes again: ours would lead it to a gateway
 * that may be gone since, and all that the host sends from it.
 */
export function kept(lingering: readonly Endpoint[], entries: readonly Entry[], snapshot: Snapshot): Kept {
  const moved = new Set(
    entries.filter((entry) => entry.viable).map((entry) => entry.candidate.address.address),
  );
  const stays = lingering.filter((each) => !moved.has(each.address) && !isLeftOut(each, entries, snapshot));
  const sources = new Set(stays.map((each) => each.address));
  const tables = snapshot.policyRules
    .filter((rule) => rule.source !== null && sources.has(rule.source) && !isReservedTable(rule.table))
    .map((rule) => rule.table);
  return { sources, tables: new Set(tables) };
}

/** By a rule that is gone or says `ignore`, or as a deprecated address; not to make room for its successor. */
function isLeftOut(endpoint: Endpoint, entries: readonly Entry[], { links, addresses }: Snapshot): boolean {
  const stands = addresses.some(
    (each) => each.ifindex === endpoint.ifindex && each.address === endpoint.address,
  );
  if (!stands || !links.get(endpoint.ifindex)?.usable) return false;
  const holder = entries.find((entry) => entry.endpoint === endpoint);
  return !holder || (holder.verdict?.state === 'ignored' && !hasSuccessor(endpoint, holder, entries));
}

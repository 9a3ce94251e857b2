/**
 * Updates the state from a snapshot: which flags and how many endpoints the kernel supports, and what is still owned.
 */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { CHANGEABLE } from '../netlink/mptcp/flags.ts';
import { observeLookups } from './gap.ts';
import type { State, RaisedLimit } from '../actions/state.ts';
import { isOwned } from '../actions/ownership.ts';

/**
 * An endpoint that another program deleted is not owned when it comes back. The kernel silently drops flags that it
 * does not know (laminar before 6.18: it is missing from the dump of an endpoint added with it). Such a flag cannot
 * be removed from an existing endpoint, so a missing one was never known.
 */
export function observe(state: State, snapshot: Snapshot): State {
  const owned = new Map<number, Endpoint>();
  let unknownFlags = state.unknownFlags;
  for (const endpoint of snapshot.endpoints) {
    const added = state.owned.get(endpoint.id);
    if (!added || !isOwned(state, endpoint)) continue;
    const dropped = added.flags & ~endpoint.flags & ~CHANGEABLE;
    unknownFlags |= dropped;
    owned.set(added.id, dropped ? { ...added, flags: added.flags & ~dropped } : added);
  }
  const raised = observeLimits(state.raised, snapshot.limits, { idle: owned.size === 0 });
  // The count of slots is too low if another program deleted endpoints during the count.
  const slots = Math.max(state.slots, snapshot.endpoints.length);
  const lookups = observeLookups({ ...state, owned }, snapshot);
  const same =
    owned.size === state.owned.size &&
    unknownFlags === state.unknownFlags &&
    raised === state.raised &&
    slots === state.slots &&
    lookups === state.lookups;
  return same ? state : { ...state, owned, unknownFlags, raised, slots, lookups };
}

/** If another program changes a raised limit, its value stays until the last owned endpoint is gone. */
function observeLimits(raised: State['raised'], limits: Limits, options: LimitOptions): State['raised'] {
  const now: { -readonly [limit in keyof Limits]?: RaisedLimit } = {};
  const names = Object.keys(raised) as (keyof Limits)[];
  for (const name of names) {
    const known = observeLimit(raised[name]!, limits[name], options);
    if (known) now[name] = known;
  }
  return names.every((name) => now[name] === raised[name]) ? raised : now;
}

interface LimitOptions {
  /** No owned endpoint exists. */
  readonly idle: boolean;
}

/** @returns null: nothing is left to restore */
function observeLimit(raised: RaisedLimit, now: number, { idle }: LimitOptions): RaisedLimit | null {
  const { from, before, to, granted, restoring, foreign } = raised;
  if (foreign) return idle ? null : raised;
  // The limit has been restored, perhaps without an answer. It is not observed any longer.
  if ((idle || restoring) && now === from) return null;
  if (now === to) return granted ? raised : { from, before, to, granted: true };
  // The daemon ended before it sent the request, or the kernel's answer was lost.
  if (!granted && (now === from || now === before)) return raised;
  return { ...raised, foreign: true };
}

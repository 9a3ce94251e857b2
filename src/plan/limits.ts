/** Last step, for the MPTCP limits: the changes that raise them and restore them. */
import type { Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import {
  MPTCP_PM_ADDR_FLAG_FULLMESH,
  MPTCP_PM_ADDR_FLAG_LAMINAR,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { LimitsSetting } from '../rules/rule.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

const LIMITS = ['subflows', 'addAddrAccepted'] as const;

/**
 * Flags that make the kernel connect to addresses that a peer announces. Without such a flag `auto` does not raise
 * add_addr_accepted, because with that limit a peer chooses where this host sends SYNs, which may be 127.0.0.1:22 or an
 * internal network.
 */
const CONNECTS_TO_ANNOUNCED = MPTCP_PM_ADDR_FLAG_FULLMESH | MPTCP_PM_ADDR_FLAG_LAMINAR;

/**
 * Changes of the MPTCP limits. They are raised while an owned endpoint exists or is about to be added, and restored
 * afterwards; a limit that an administrator has changed since stays. With `closed` they are set to 0 meanwhile. The
 * kernel refuses both numbers if one is above its maximum.
 * @param endpoints the owned endpoints that exist or are about to be added
 * @returns the changes before, during and after those of endpoints; null: none
 */
export function limitsDifference(
  setting: LimitsSetting,
  endpoints: readonly Endpoint[],
  snapshot: Snapshot,
  state: State,
  /**
   * `closed`: no connection may get a new subflow, because a full tunnel is up and an endpoint outside it is in use.
   */
  { closed }: { readonly closed: boolean } = { closed: false },
): { close: Action | null; raise: Action | null; restore: Action | null } {
  const raise: { -readonly [K in keyof Limits]?: number } = {};
  const restore: typeof raise = {};
  for (const limit of LIMITS) {
    const now = snapshot.limits[limit];
    const goal = closed ? 0 : wantedLimit(limit, setting, endpoints, state);
    const raised = state.raised[limit];
    if (raised?.foreign) continue;
    if (goal === null && raised && now === raised.to) restore[limit] = raised.from;
    if (goal !== null && now !== goal && (closed || setting !== 'auto' || now < goal)) raise[limit] = goal;
  }
  const set: Action | null = Object.keys(raise).length
    ? { kind: 'limits set', limits: raise, raised: true }
    : null;
  return {
    close: closed ? set : null,
    raise: closed ? null : set,
    restore: Object.keys(restore).length ? { kind: 'limits set', limits: restore, raised: false } : null,
  };
}

function wantedLimit(
  limit: keyof Limits,
  setting: LimitsSetting,
  endpoints: readonly Endpoint[],
  state: State,
): number | null {
  if (setting === 'leave' || endpoints.length === 0) return null;
  if (setting !== 'auto') {
    const wanted = setting[limit];
    return wanted === null ? null : Math.min(wanted, state.limitMax ?? Infinity);
  }
  const needed = limit === 'subflows' || endpoints.some((each) => each.flags & CONNECTS_TO_ANNOUNCED);
  return needed ? state.limitMax : null;
}

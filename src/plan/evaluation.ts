/** The values that the steps of the plan pass on for one address. Each step returns new values. */
import type { Action } from '../actions/action.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { DefaultRoute } from '../netlink/route/route.ts';
import type { Candidate } from './candidate.ts';
import type { Reason } from './reason.ts';
import type { Routing } from './routing.ts';
import type { UplinkState } from './uplink.ts';

export interface UplinkVerdict {
  readonly state: UplinkState;
  readonly reason: Reason;
  /** Routes and policy rules are made and kept in this state: without them a look-up cannot verify the path again. */
  readonly routed?: boolean;
}

/** After `assess` and `allocate`. */
export interface Assessed {
  readonly candidate: Candidate;
  /** The owned endpoint on the address; null: none. */
  readonly endpoint: Endpoint | null;
  /** The address can be used; null: it cannot. `default` is null only under `check-route: false`. */
  readonly path: { readonly default: DefaultRoute | null } | null;
  /** null: none yet. */
  readonly verdict: UplinkVerdict | null;
}

/** After `route`. */
export interface Routed extends Assessed {
  /** The routes and policy rules that it is to have; null: none. */
  readonly routing: Routing | null;
}

/** After `verify` and `grantSlots`. The verdict is null only while routes and policy rules are still to be made. */
export interface Evaluation extends Routed {
  /** Actions on its endpoint. */
  readonly actions: readonly Action[];
}

/** A copy with another verdict. */
export const withVerdict = <Each extends Assessed>(each: Each, verdict: UplinkVerdict): Each => ({
  ...each,
  verdict,
});

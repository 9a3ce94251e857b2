/** The first part of the verdict on an address, before any route, policy rule or endpoint is made for it. */
import { unmapIPv4 } from '../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, type Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { LEAVE_ENDPOINTS } from './conflict.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import { hostRuleReason } from './host-rule.ts';
import type { State } from '../actions/state.ts';
import { tunnelReason, type Tunnel } from './tunnel.ts';
import type { Candidate, UplinkState, Viable } from './uplink.ts';
import { isOwned } from '../actions/ownership.ts';

export interface Verdict {
  readonly state: UplinkState;
  readonly reason: string;
  /** Routes and policy rules are made and kept in this state: without them a look-up cannot verify the path again. */
  readonly routed?: boolean;
  /** The full tunnel that takes the address's traffic. */
  readonly tunnel?: Tunnel;
  /** Index of the link that the address belongs to. */
  readonly holder?: number;
}

/**
 * Checks link, address and default route; `foreignClaim` checks for endpoints of other programs.
 * @returns the verdict that stops the address, or its path
 */
export function assess(candidate: Candidate, snapshot: Snapshot): Verdict | Viable {
  const { selected, hostRule, lookup, out } = candidate;
  // An ignored address is never used, so the state of its link does not matter.
  if (out?.state === 'ignored') return out;
  if (!selected.link.usable) return { state: 'no carrier', reason: carrierReason(selected.link.flags) };
  if (out) return out;
  if (hostRule && !hostRule.leadsHere)
    return { state: 'conflict', reason: hostRuleReason(hostRule, candidate.family, snapshot) };
  const blocked = blockingTunnel(candidate);
  if (blocked) return { state: 'conflict', reason: tunnelReason(blocked), tunnel: blocked };
  const found = lookup?.default ?? null;
  if (!found && selected.rule.checkRoute)
    return {
      state: 'no default route',
      reason: `none through ${selected.link.name}: ${lookup?.why ?? 'not asked yet'}`,
    };
  return { candidate, default: found };
}

/**
 * null: no tunnel, or the rule bypasses it. A policy rule that refuses all packets does not block an address for
 * which the host has a policy rule of its own.
 */
function blockingTunnel({ tunnel, selected, hostRule }: Candidate): Tunnel | null {
  if (!tunnel || selected.rule.tunnel === 'bypass') return null;
  return tunnel.link === null && hostRule ? null : tunnel;
}

const IFF_UP = 1;

/** Why a link is not usable. `flags`: IFF_* bits (linux/if.h). */
export const carrierReason = (flags: number): string =>
  flags & IFF_UP ? 'the link is up and has no carrier' : 'the link is down';

/** The endpoint of another program on this address; null: none. The kernel keeps one endpoint per address. */
export function foreignClaim(snapshot: Snapshot, state: State, address: string): Endpoint | null {
  return (
    snapshot.endpoints.find(
      (endpoint) =>
        unmapIPv4(endpoint.address) === address &&
        !(endpoint.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT) &&
        !isOwned(state, endpoint),
    ) ?? null
  );
}

/** The reason of a conflict with another program's endpoint, with the command that deletes that endpoint. */
export function claimReason(endpoint: Endpoint): string {
  const flags = flagNames(endpoint.flags).join(',') || 'no flags';
  return `endpoint ${endpoint.id} (${flags}) was made by another program; ${LEAVE_ENDPOINTS}; "multihomed endpoint delete id ${endpoint.id}" frees the address`;
}

/** Third step: the verdict on an address before any route, policy rule or endpoint is made for it. */
import { isOwned } from '../actions/ownership.ts';
import type { State } from '../actions/state.ts';
import { unmapIPv4 } from '../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, type Endpoint } from '../netlink/mptcp/endpoint.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Candidate } from './candidate.ts';
import { endpointOf } from './endpoint.ts';
import type { Assessed, UplinkVerdict } from './evaluation.ts';
import { hostRuleReason } from './host-rule.ts';
import { carrierReason, type Reason } from './reason.ts';
import { tunnelReason, type Tunnel } from './tunnel.ts';

/** Checks link, address, default route and endpoints of other programs. `owned`: as `ownedEndpoints` returns them. */
export function assess(
  candidate: Candidate,
  owned: readonly Endpoint[],
  snapshot: Snapshot,
  state: State,
): Assessed {
  const verdict = verdictOn(candidate, snapshot, state);
  return {
    candidate,
    endpoint: endpointOf(candidate, owned),
    path: verdict ? null : { default: candidate.lookup?.default ?? null },
    verdict,
  };
}

/** @returns null: nothing stops the address so far */
function verdictOn(candidate: Candidate, snapshot: Snapshot, state: State): UplinkVerdict | null {
  const { selected, hostRule, lookup, exclusion } = candidate;
  // An ignored address is never used, so the state of its link does not matter.
  if (exclusion?.state === 'ignored') return exclusion;
  if (!selected.link.usable) return { state: 'no carrier', reason: carrierReason(selected.link.flags) };
  if (exclusion) return exclusion;
  if (hostRule && !hostRule.leadsHere) return conflict(hostRuleReason(hostRule, candidate.family, snapshot));
  const blocked = blockingTunnel(candidate);
  if (blocked) return conflict(tunnelReason(blocked));
  if (!lookup?.default && selected.rule.checkRoute) {
    const missing = lookup?.missing ?? null;
    return {
      state: 'no default route',
      reason: { code: 'no-default-route', interface: selected.link.name, missing },
    };
  }
  const claim = foreignClaim(snapshot, state, candidate.address.address);
  return claim && conflict({ code: 'foreign-endpoint', id: claim.id, flags: flagNames(claim.flags) });
}

const conflict = (reason: Reason): UplinkVerdict => ({ state: 'conflict', reason });

/**
 * null: no tunnel, or the rule bypasses it. A policy rule that refuses all packets does not block an address for
 * which the host has a policy rule of its own.
 */
function blockingTunnel({ tunnel, selected, hostRule }: Candidate): Tunnel | null {
  if (!tunnel || selected.rule.tunnel === 'bypass') return null;
  return tunnel.link === null && hostRule ? null : tunnel;
}

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

/** The first part of the verdict on an address, before any route, policy rule or endpoint is made for it. */
import { mappedOf } from '../netlink/ip.ts';
import {
  MPTCP_PM_ADDR_FLAG_IMPLICIT,
  MPTCP_PM_ADDR_FLAG_LAMINAR,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { LEAVE_ENDPOINTS } from './contest.ts';
import { CHANGEABLE, flagNames } from './flags.ts';
import { hostRuleReason } from './host-rule.ts';
import type { Memory } from './memory.ts';
import { tunnelReason, type Tunnel } from './tunnel.ts';
import type { Candidate, UplinkState, Viable } from './uplink.ts';

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
  const { selected, hostRule, answer, out } = candidate;
  // An ignored address is never used, so the state of its link does not matter.
  if (out?.state === 'ignored') return out;
  if (!selected.link.usable) return { state: 'no carrier', reason: carrierReason(selected.link.flags) };
  if (out) return out;
  if (hostRule && !hostRule.leadsHere)
    return { state: 'conflict', reason: hostRuleReason(hostRule, candidate.family, snapshot) };
  const blocked = blockingTunnel(candidate);
  if (blocked) return { state: 'conflict', reason: tunnelReason(blocked), tunnel: blocked };
  const found = answer?.default ?? null;
  if (!found && selected.rule.checkRoute)
    return {
      state: 'no default route',
      reason: `none through ${selected.link.name}: ${answer?.why ?? 'not asked yet'}`,
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
export function foreignClaim(snapshot: Snapshot, memory: Memory, address: string): Endpoint | null {
  return (
    snapshot.endpoints.find(
      (endpoint) =>
        mappedOf(endpoint.address) === address &&
        !(endpoint.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT) &&
        !isOwned(memory, endpoint),
    ) ?? null
  );
}

/**
 * Flags in which an endpoint may differ from the request: two can be changed in place,
 * and a kernel may not know the third.
 */
const LOOSE = CHANGEABLE | MPTCP_PM_ADDR_FLAG_LAMINAR;

/**
 * Whether multihomed added this endpoint: id, address and device match the record that was written before the
 * addition, and so do the flags that cannot be changed in place. The id alone is no proof: another program that
 * deletes the endpoint and adds its own may be given the same id.
 */
export function isOwned(memory: Memory, endpoint: Endpoint): boolean {
  const owned = memory.owned.get(endpoint.id);
  return owned !== undefined && isThat(owned, endpoint);
}

/** Whether the endpoint found under an id is the one that was added under it. */
export function isThat(added: Endpoint, found: Endpoint): boolean {
  return (
    added.address === found.address &&
    added.ifindex === found.ifindex &&
    ((added.flags ^ found.flags) & ~LOOSE) === 0 &&
    (found.flags & ~added.flags & MPTCP_PM_ADDR_FLAG_LAMINAR) === 0
  );
}

/** The reason of a conflict with another program's endpoint, with the command that deletes that endpoint. */
export function claimReason(endpoint: Endpoint): string {
  const flags = flagNames(endpoint.flags).join(',') || 'no flags';
  return `endpoint ${endpoint.id} (${flags}) was made by another program; ${LEAVE_ENDPOINTS}; "ip mptcp endpoint delete id ${endpoint.id}" gives the address free`;
}

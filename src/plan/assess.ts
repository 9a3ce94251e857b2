/** How far up its way an address is, before anything is made for it. */
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
  /** Routes and policy rules are to stand all the same: without them the kernel could not be asked again. */
  readonly routed?: boolean;
  /** A full tunnel takes its traffic. */
  readonly tunnel?: Tunnel;
  /** Index of the link that its address belongs to. */
  readonly holder?: number;
}

/** Link, address and default route; what others hold is asked for by `foreignClaim`. */
export function assess(candidate: Candidate, snapshot: Snapshot): Verdict | Viable {
  const { selected, hostRule, answer, out } = candidate;
  // What is never used has no path to lose.
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

/** null: none, or the rule goes past it. A refusal is in nobody's way who has a policy rule of the host's own. */
function blockingTunnel({ tunnel, selected, hostRule }: Candidate): Tunnel | null {
  if (!tunnel || selected.rule.tunnel === 'bypass') return null;
  return tunnel.link === null && hostRule ? null : tunnel;
}

const IFF_UP = 1;

export const carrierReason = (flags: number): string =>
  flags & IFF_UP ? 'the link is up and has no carrier' : 'the link is down';

/** A foreign endpoint on the uplink's address; the kernel keeps one endpoint for one address. */
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

/** Flags in which an endpoint may differ from what was asked for: the kernel changes some, and may not know another. */
const LOOSE = CHANGEABLE | MPTCP_PM_ADDR_FLAG_LAMINAR;

/**
 * By id, address and device, as they were written down before it was added, and by the flags that nobody can change:
 * who deletes ours and adds one of his own may well be given the same id.
 */
export function isOwned(memory: Memory, endpoint: Endpoint): boolean {
  const owned = memory.owned.get(endpoint.id);
  return owned !== undefined && isThat(owned, endpoint);
}

/** Whether what was found under an id is what was added under it. */
export function isThat(added: Endpoint, found: Endpoint): boolean {
  return (
    added.address === found.address &&
    added.ifindex === found.ifindex &&
    ((added.flags ^ found.flags) & ~LOOSE) === 0 &&
    (found.flags & ~added.flags & MPTCP_PM_ADDR_FLAG_LAMINAR) === 0
  );
}

export function claimReason(endpoint: Endpoint): string {
  const flags = flagNames(endpoint.flags).join(',') || 'no flags';
  return `endpoint ${endpoint.id} (${flags}) was made by another program; ${LEAVE_ENDPOINTS}; "ip mptcp endpoint delete id ${endpoint.id}" gives the address free`;
}

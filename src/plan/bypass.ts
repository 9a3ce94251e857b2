/**
 * `tunnel: bypass`: how the packets of an address go past a full tunnel, to the routes that the host has without it.
 */
import { hostBits } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { FR_ACT_GOTO, type NewPolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { foreignRules } from '../snapshot/host-route.ts';
import type { Tables } from '../snapshot/policy-route.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Candidate } from './candidate.ts';
import type { Tunnel } from './tunnel.ts';
import type { Selected } from './uplink.ts';

type Bypassing = Pick<Candidate, 'family' | 'address'> & Partial<Pick<Candidate, 'tunnel' | 'selected'>>;

/** The full tunnel that the address goes past; null: there is none, or the rule respects it. */
export const bypassedTunnel = ({ selected, tunnel }: Bypassing): Tunnel | null =>
  selected?.rule.tunnel === 'bypass' ? (tunnel ?? null) : null;

/** Whether the rule of the endpoint's interface leads past full tunnels. */
export const isBypassing = ({ ifindex }: Pick<Endpoint, 'ifindex'>, selected: readonly Selected[]): boolean =>
  selected.find(({ link }) => link.index === ifindex)?.rule.tunnel === 'bypass';

/**
 * The policy rule, before the tunnel's, that lets the address's packets continue at the host's next rule, or at
 * `start` if that comes first. It is not needed if packets come to `start` before they come to the tunnel's rule.
 */
export function pastTunnel(candidate: Bypassing, start: number, snapshot: Snapshot): NewPolicyRule[] {
  const { family, address } = candidate;
  const priority = bypassedTunnel(candidate)?.rule?.priority ?? 0;
  if (priority === 0 || priority > start) return [];
  const next = foreignRules(snapshot.policyRules, family).find((rule) => rule.priority > priority);
  return [
    {
      ...{ family, source: address.address, sourceLength: hostBits(family), priority: priority - 1 },
      ...{ action: FR_ACT_GOTO, goto: Math.min(start, next?.priority ?? start) },
      ...{ table: 0, suppressPrefixLength: null, protocol: RTPROT_MULTIHOMED },
    },
  ];
}

/** Longest prefix of a tunnel's routes that still take all traffic: halves of IPv4 (/1), an eighth of IPv6 (/3). */
const MAX_SPLIT_LENGTH = 4;

export interface TunnelTables {
  /** The tunnel's table, if it has more specific routes. */
  readonly specific: readonly number[];
  /** For each table, the prefix length of the tunnel's own routes. */
  readonly longest: ReadonlyMap<number, number>;
}

export const NO_TABLES: TunnelTables = { specific: [], longest: new Map() };

/**
 * Which routes of the tunnel's table an address past the tunnel still takes. No policy rule may name a table that has
 * nothing but a default route: wg-quick(8) deletes every rule that names its table.
 */
export function tunnelTables({ table, prefixLength }: Tunnel, known: Tables): TunnelTables {
  if (prefixLength > MAX_SPLIT_LENGTH) return NO_TABLES;
  const isSpecific = (known.get(table) ?? []).some((route) => route.prefixLength > prefixLength);
  return { specific: isSpecific ? [table] : [], longest: new Map([[table, prefixLength]]) };
}

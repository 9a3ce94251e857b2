/** The report on each uplink: its state, the reason, and what is known of its path. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { carrierReason, type Verdict } from './assess.ts';
import { contest } from './contest.ts';
import { endpointFamily, wantedFlags } from './endpoint.ts';
import type { Entry } from './entry.ts';
import type { Fate } from './fate.ts';
import { PAUSED, type Memory } from './memory.ts';
import type { Selected, Uplink } from './uplink.ts';

/**
 * One report for each entry, in the same order. An interface may have one address with two
 * prefix lengths: the first is the uplink.
 */
export function describeAll(entries: readonly Entry[], fate: Fate, memory: Memory): Uplink[] {
  const firsts = new Map<string, Uplink>();
  return entries.map((entry) => {
    const uplink = describe(entry, fate, memory);
    const first = firsts.get(uplink.key);
    if (!first) firsts.set(uplink.key, uplink);
    return first ? asSecond(uplink, first) : uplink;
  });
}

/**
 * An address is not in conflict with itself, so its second prefix length is ignored. If the first is in conflict with
 * another program or link, both report the same conflict.
 */
function asSecond(uplink: Uplink, first: Uplink): Uplink {
  const again = { ...uplink, key: `${uplink.key}/${uplink.prefixLength}` };
  if (uplink.state !== 'conflict' || uplink.reason === first.reason) return again;
  const reason = `the same address with the prefix length ${first.prefixLength} comes first`;
  return { ...again, state: 'ignored', reason };
}

function describe(entry: Entry, fate: Fate, memory: Memory): Uplink {
  const { candidate, endpoint } = entry;
  const { link, rule } = candidate.selected;
  const lingers = endpoint !== null && fate.lingering.includes(endpoint);
  const verdict = told(entry, memory);
  return {
    key: `${link.index}/${candidate.address.address}`,
    state: lingers && verdict.state !== 'conflict' ? 'lingering' : verdict.state,
    reason: lingers
      ? `${verdict.reason}; ${besideText(endpoint, fate) ?? stays(candidate.family)}`
      : verdict.reason,
    interface: link.name,
    ifindex: link.index,
    family: candidate.family,
    address: candidate.address.address,
    prefixLength: candidate.address.prefixLength,
    rule,
    gateway: candidate.answer?.default?.hop.gateway ?? null,
    metric: candidate.answer?.default?.route.metric ?? null,
    table: candidate.table,
    endpoint,
    flags: endpoint?.flags ?? wantedFlags(candidate, memory),
  };
}

function told(entry: Entry, memory: Memory): Verdict {
  const reason = contest(entry, memory);
  if (reason !== null) return { state: 'conflict', reason };
  const verdict = entry.verdict ?? { state: 'verified', reason: 'routes and policy rules come next' };
  return memory.paused && verdict.state === 'verified' ? { state: 'verified', reason: PAUSED } : verdict;
}

const stays = (family: Family): string =>
  `its endpoint stays until another ${familyName(family)} uplink is active`;

/** Interfaces that are ignored or have no usable address: each is listed once, without an address. */
export function withoutAddress(
  entries: readonly Entry[],
  fate: Fate,
  memory: Memory,
  selected: readonly Selected[],
): Uplink[] {
  const byLink = new Map<number, Entry[]>();
  for (const entry of entries) {
    const { index } = entry.candidate.selected.link;
    const same = byLink.get(index);
    if (same) same.push(entry);
    else byLink.set(index, [entry]);
  }
  return selected.flatMap(({ rule, link }) => {
    const own = byLink.get(link.index) ?? [];
    if (!own.every((entry) => isUnused(entry, fate, memory))) return [];
    const verdict: Verdict = rule.ignore
      ? { state: 'ignored', reason: 'the rule says ignore' }
      : link.usable
        ? { state: 'no address', reason: noAddressReason(own, rule.families) }
        : { state: 'no carrier', reason: carrierReason(link.flags) };
    return [{ ...bare(link.name, link.index), ...verdict, rule }];
  });
}

const isUnused = (entry: Entry, fate: Fate, memory: Memory): boolean =>
  describe(entry, fate, memory).state === 'ignored';

function noAddressReason([first, ...more]: readonly Entry[], families: readonly Family[]): string {
  if (!first) return `no ${families.map(familyName).join(' or ')} address yet`;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `no usable address yet: ${first.candidate.address.address} (${first.verdict?.reason})${others}`;
}

const familyName = (family: Family): string => (family === 'ipv4' ? 'IPv4' : 'IPv6');

/** Lingering endpoints whose link or address is gone, or whose address no rule selects any more. */
export function orphans(
  entries: readonly Entry[],
  fate: Fate,
  snapshot: Snapshot,
  selected: readonly Selected[],
): Uplink[] {
  return fate.lingering
    .filter((endpoint) => !entries.some((entry) => entry.endpoint === endpoint))
    .map((endpoint) => {
      const link = snapshot.links.get(endpoint.ifindex);
      const has = snapshot.addresses.some(
        (each) => each.ifindex === endpoint.ifindex && each.address === endpoint.address,
      );
      const why = !link
        ? 'the interface is gone'
        : has
          ? selected.some((each) => each.link === link && each.rule.ignore)
            ? 'the rule says ignore'
            : 'no rule selects the address any more'
          : 'the address is gone';
      return {
        ...bare(link?.name ?? `if${endpoint.ifindex}`, endpoint.ifindex),
        key: `${endpoint.ifindex}/${endpoint.address}`,
        state: 'lingering' as const,
        reason: `${why}; ${cutText(endpoint, fate) ?? stays(endpointFamily(endpoint))}`,
        family: endpointFamily(endpoint),
        address: endpoint.address,
        endpoint,
        flags: endpoint.flags,
      };
    });
}

/** @returns null: the endpoint does not linger beside a full tunnel */
function besideText(endpoint: Endpoint, { beside }: Fate): string | null {
  const count = beside.get(endpoint);
  if (count === undefined) return null;
  const users =
    count === null
      ? 'open connections that use it have'
      : count === 1
        ? 'the open connection that uses it has'
        : `the ${count} open connections that use it have`;
  return `its endpoint stays until ${users} ended, and no connection gets a new subflow meanwhile`;
}

/** @returns null: the endpoint does not linger for open connections */
function cutText(endpoint: Endpoint, { cut }: Fate): string | null {
  const count = cut.get(endpoint);
  if (count === undefined) return null;
  const connections = `${count} open connection${count === 1 ? '' : 's'}`;
  return `its endpoint is removed when ${connections} that would be cut ${count === 1 ? 'has' : 'have'} ended; to remove it now: multihomed endpoint delete id ${endpoint.id}`;
}

const bare = (name: string, ifindex: number): Uplink => ({
  key: `${ifindex}/`,
  state: 'no address',
  reason: '',
  interface: name,
  ifindex,
  family: null,
  address: null,
  prefixLength: null,
  rule: null,
  gateway: null,
  metric: null,
  table: null,
  endpoint: null,
  flags: 0,
});

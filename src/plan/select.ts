/** Selects the interfaces that the rules name, and the addresses of each that can be used. */
import { addressRange, hostBits, type Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import {
  IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_NOPREFIXROUTE,
  IFA_F_SECONDARY,
  IFA_F_TEMPORARY,
  IFA_F_TENTATIVE,
  type Address,
} from '../netlink/route/address.ts';
import type { Link } from '../netlink/route/link.ts';
import { matchRule, type LinkNames } from '../rules/match.ts';
import type { Rule } from '../rules/rule.ts';
import {
  lookupKey,
  type RouteLookup,
  type KernelObjects,
  type LookupRequest,
  type Snapshot,
} from '../snapshot/snapshot.ts';
import { hostRuleFor } from './host-rule.ts';
import { lingeringSource } from './linger.ts';
import { TABLE_BASE } from './own-table.ts';
import type { Tunnel } from './tunnel.ts';
import type { Candidate, Selected } from './uplink.ts';

/** The table of an uplink; null: it has none of its own (`routing: main`). */
export const tableOf = (rule: Rule, ifindex: number): number | null =>
  rule.routing === 'main' ? null : (rule.table ?? TABLE_BASE + ifindex);

/** The selected interfaces, in the order of the rules, then of the interface index. */
export function select(base: KernelObjects, rules: readonly Rule[]): Selected[] {
  const selected: Selected[] = [];
  for (const link of base.links.values()) {
    const found = selectLink(base, rules, link);
    if (found) selected.push(found);
  }
  return selected.sort((a, b) => a.rank - b.rank || a.link.index - b.link.index);
}

/** The properties of a link that rules match. */
export const linkNames = ({ name, altnames, index, hardware }: Link, base: KernelObjects): LinkNames => ({
  ...{ name, altnames, hardware },
  driver: base.drivers.get(index) ?? null,
  path: base.paths.get(index) ?? null,
});

/** @returns null: no rule selects the link */
export function selectLink(base: KernelObjects, rules: readonly Rule[], link: Link): Selected | null {
  const { rule } = matchRule(rules, linkNames(link, base));
  // A pattern such as `*` means the uplinks, not the loopback; that needs a rule with `link-local: true`.
  if (!rule || (link.loopback && !rule.linkLocal)) return null;
  return { link, rule, rank: rules.indexOf(rule) };
}

/** The addresses that the kernel must be asked about: those of uplinks, and those of endpoints that may linger. */
export function lookupRequests(base: KernelObjects, rules: readonly Rule[]): LookupRequest[] {
  const selected = ofSelected(base, rules);
  const asked = new Set(selected.map(({ ifindex, address }) => lookupKey(ifindex, address)));
  const others = base.endpoints
    .filter(({ ifindex, address }) => !asked.has(lookupKey(ifindex, address)))
    .flatMap((endpoint) => lingeringSource(endpoint, base) ?? [])
    .map(({ address, table }) => questionOf(address, table, base));
  return [...selected, ...others];
}

function ofSelected(base: KernelObjects, rules: readonly Rule[]): LookupRequest[] {
  return select(base, rules)
    .filter(({ rule, link }) => !rule.ignore && link.usable)
    .flatMap((selected) =>
      selected.rule.families.flatMap((family) =>
        addressesOf(base, selected, family)
          .filter((address) => !outOfRange(address, selected.rule) && !unfinished(address))
          .map((address) => questionOf(address, tableOf(selected.rule, address.ifindex), base)),
      ),
    );
}

const questionOf = (
  { family, address, ifindex, flags, prefixLength, peer }: Address,
  table: number | null,
  base: KernelObjects,
): LookupRequest => ({
  family,
  address,
  ifindex,
  // For IPv4 the kernel adds the connected route unless noprefixroute is set; for IPv6 a router may decide on it.
  prefixLength:
    peer === null && prefixLength < hostBits(family) && (family === 'ipv6' || flags & IFA_F_NOPREFIXROUTE)
      ? prefixLength
      : null,
  table,
  length: prefixLength,
  alone: countByLink(base.addresses).get(`${ifindex} ${family}`) === 1 || isLinkLocal(address),
});

const counts = new WeakMap<readonly Address[], Map<string, number>>();

/** How many addresses a link has in each family, without link-local ones. */
function countByLink(addresses: readonly Address[]): ReadonlyMap<string, number> {
  const known = counts.get(addresses);
  if (known) return known;
  const count = new Map<string, number>();
  for (const { ifindex, family, address } of addresses)
    if (!isLinkLocal(address)) {
      const key = `${ifindex} ${family}`;
      count.set(key, (count.get(key) ?? 0) + 1);
    }
  counts.set(addresses, count);
  return count;
}

/** Every address of one interface in one family, usable ones first. */
export function candidates(
  snapshot: Snapshot,
  selected: Selected,
  family: Family,
  owned: readonly Endpoint[],
  tunnel: Tunnel | null,
): Candidate[] {
  const { rule, link } = selected;
  const addresses = addressesOf(snapshot, selected, family);
  const answerOf = (address: Address): RouteLookup | null => {
    const lookup = snapshot.lookups.get(lookupKey(link.index, address.address)) ?? null;
    // With several nexthops the kernel may return the address of another link.
    const here = addresses.some((each) => each.address === lookup?.source);
    return lookup && !here ? { ...lookup, source: null } : lookup;
  };
  const hasEndpoint = (address: Address): boolean =>
    owned.some((each) => each.address === address.address && each.ifindex === link.index);
  const ordered = addresses
    .map((address) => ({
      address,
      lookup: answerOf(address),
      hasEndpoint: hasEndpoint(address),
      out: excluded(address, rule, answerOf(address)),
    }))
    .sort((a, b) => preference(a, rule) - preference(b, rule));
  let serving = 0;
  return ordered.map(({ address, lookup, out }) => {
    const reason =
      out ?? (++serving > rule.perInterface ? { state: 'ignored' as const, reason: oneOnly(rule) } : null);
    const hostRule = lookup && hostRuleFor(lookup.host, link.index);
    const own = isLinkLocal(address.address) ? null : tableOf(rule, link.index);
    const table = hostRule?.leadsHere ? hostRule.table : own;
    return { selected, family, address, table, hostRule, lookup, tunnel, out: reason };
  });
}

const oneOnly = (rule: Rule): string =>
  `per-interface is ${rule.perInterface}, and another address comes first`;

const addressesOf = (base: KernelObjects, { link }: Selected, family: Family): Address[] =>
  base.addresses.filter((address) => address.ifindex === link.index && address.family === family);

const isLinkLocal = (address: string): boolean => addressRange(address) === 'linkLocal';

function unfinished(address: Address): boolean {
  return (address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0;
}

function outOfRange(address: Address, rule: Rule): string | null {
  const range = addressRange(address.address);
  switch (range) {
    case 'loopback':
    case 'linkLocal':
      return rule.linkLocal
        ? null
        : `${range === 'loopback' ? 'loopback' : 'link-local'} addresses are not used`;
    case 'unspecified':
    case 'multicast':
    case 'broadcast':
      return `${range} addresses are not used`;
    case 'ipv4Mapped':
      return 'IPv4-mapped addresses are not used: to the path manager they are their IPv4 address';
    case 'uniqueLocal':
      return rule.addresses === 'all' ? null : 'unique-local addresses are used only with "addresses: all"';
    default:
      return null;
  }
}

function excluded(address: Address, rule: Rule, lookup: RouteLookup | null): Candidate['out'] {
  const range = outOfRange(address, rule);
  if (range) return { state: 'ignored', reason: range };
  if (address.flags & IFA_F_DADFAILED)
    return { state: 'failed', reason: 'another host has this address (duplicate address detection failed)' };
  if (address.flags & IFA_F_TENTATIVE)
    return { state: 'tentative', reason: 'duplicate address detection has not ended' };
  if (address.flags & IFA_F_DEPRECATED) return { state: 'ignored', reason: 'the address is deprecated' };
  return address.family === 'ipv6' ? excludedByChoice(address, rule, lookup) : null;
}

function excludedByChoice(address: Address, rule: Rule, lookup: RouteLookup | null): Candidate['out'] {
  const temporary = (address.flags & IFA_F_TEMPORARY) !== 0;
  if (rule.addresses === 'stable' && temporary)
    return { state: 'ignored', reason: 'a temporary address, and the rule says "addresses: stable"' };
  if (rule.addresses === 'temporary' && !temporary)
    return { state: 'ignored', reason: 'no temporary address, and the rule says "addresses: temporary"' };
  // Without a route the kernel selects no source; until then any address may be the one.
  if (
    rule.addresses === 'auto' &&
    lookup?.source &&
    lookup.source !== address.address &&
    rule.perInterface === 1
  )
    return { state: 'ignored', reason: `the kernel takes ${lookup.source} as source on this interface` };
  return null;
}

interface Ordered {
  readonly address: Address;
  readonly lookup: RouteLookup | null;
  /** Its endpoint is already in place. */
  readonly hasEndpoint: boolean;
  readonly out: Candidate['out'];
}

/**
 * Sort key, lowest first: 0 the default route's preferred source (with `auto` also the kernel's
 * choice), 1 an address whose endpoint is in place, 2 the kernel's choice, 3 primary addresses, 4
 * secondary ones, 5 those that cannot be used.
 */
function preference({ address, lookup, hasEndpoint, out }: Ordered, { addresses }: Rule): number {
  if (out) return 5;
  const taken = lookup?.source === address.address;
  if (lookup?.default?.route.preferredSource === address.address || (taken && addresses === 'auto')) return 0;
  if (hasEndpoint) return 1;
  if (taken) return 2;
  return address.family === 'ipv4' && address.flags & IFA_F_SECONDARY ? 4 : 3;
}

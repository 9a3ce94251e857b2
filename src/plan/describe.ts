/** The report on each uplink: its state, the reason, and the known facts about its path. */
import type { State } from '../actions/state.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Family } from '../netlink/ip.ts';
import type { Snapshot, Suspect } from '../snapshot/snapshot.ts';
import { removalConflict } from './conflict.ts';
import { endpointFamily, wantedFlags } from './endpoint.ts';
import type { Evaluation, UplinkVerdict } from './evaluation.ts';
import { carrierReason, type Reason, type Stay } from './reason.ts';
import type { Retirement } from './retire.ts';
import { suspectOf, suspectReason } from './suspect.ts';
import type { Selected, Uplink } from './uplink.ts';

/** All uplinks: those with an address in the order of rank, then interfaces without one, then lingering endpoints. */
export function describe(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  selected: readonly Selected[],
  snapshot: Snapshot,
  state: State,
): Uplink[] {
  const uplinks = describeAll(evaluations, retirement, snapshot, state);
  return [
    ...uplinks,
    ...withoutAddress(evaluations, uplinks, selected),
    ...lingeringWithoutUplink(evaluations, retirement, snapshot, selected),
  ];
}

/**
 * One report for each evaluation, in the same order. An interface may have one address with two
 * prefix lengths: the first is the uplink.
 */
function describeAll(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  snapshot: Snapshot,
  state: State,
): Uplink[] {
  const firsts = new Map<string, Uplink>();
  return evaluations.map((evaluation) => {
    const uplink = withSuspect(describeOne(evaluation, retirement, state), evaluation, snapshot);
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
  const isSame = JSON.stringify(uplink.reason) === JSON.stringify(first.reason);
  if (uplink.state !== 'conflict' || isSame || first.prefixLength === null) return again;
  const reason: Reason = { code: 'same-address-prefix', prefixLength: first.prefixLength };
  return { ...again, state: 'ignored', reason };
}

function describeOne(evaluation: Evaluation, retirement: Retirement, state: State): Uplink {
  const { candidate, endpoint } = evaluation;
  const { link, rule } = candidate.selected;
  const stays = endpoint && stayOf(endpoint, retirement);
  const verdict = reported(evaluation, state);
  return {
    key: `${link.index}/${candidate.address.address}`,
    state: stays && verdict.state !== 'conflict' ? 'lingering' : verdict.state,
    reason: verdict.reason,
    ...(stays ? { stays } : {}),
    interface: link.name,
    ifindex: link.index,
    family: candidate.family,
    address: candidate.address.address,
    prefixLength: candidate.address.prefixLength,
    rule,
    gateway: candidate.lookup?.default?.hop.gateway ?? null,
    metric: candidate.lookup?.default?.route.metric ?? null,
    table: candidate.table,
    endpoint,
    flags: endpoint?.flags ?? wantedFlags(candidate, state),
  };
}

/** Reports an uplink as suspect, whether or not its endpoint is in place, unless something else is wrong with it. */
function withSuspect(uplink: Uplink, { candidate, verdict }: Evaluation, snapshot: Snapshot): Uplink {
  const suspect = suspectOf(candidate, snapshot);
  if (!suspect) return uplink;
  const { endpoint, state, stays: _, ...rest } = uplink;
  if (state !== 'active' && state !== 'verified' && verdict?.state !== 'suspect') return uplink;
  const isKept = state === 'lingering' || (endpoint && suspect.present && suspect.kept);
  return {
    ...{ ...rest, endpoint, state: 'suspect', suspect, reason: suspectReason(suspect) },
    ...(isKept ? { stays: staysOf(suspect, uplink.family) } : {}),
  };
}

const staysOf = ({ isOnly }: Suspect, family: Family | null): Stay =>
  isOnly && family ? { code: 'until-active', family } : { code: 'until-other-subflow' };

/** The verdict, unless other programs or a pause prevent the uplink. */
function reported(evaluation: Evaluation, state: State): UplinkVerdict {
  const conflict = removalConflict(evaluation, state);
  if (conflict) return { state: 'conflict', reason: conflict };
  const verdict: UplinkVerdict = evaluation.verdict ?? {
    state: 'verified',
    reason: { code: 'routing-next' },
  };
  return state.paused && verdict.state === 'verified'
    ? { state: 'verified', reason: { code: 'paused' } }
    : verdict;
}

/** @returns null: the endpoint does not linger */
function stayOf(endpoint: Endpoint, { lingering, outsideTunnel, cut }: Retirement): Stay | null {
  if (!lingering.includes(endpoint)) return null;
  const users = outsideTunnel.get(endpoint);
  if (users !== undefined) return { code: 'until-unused', connections: users };
  const connections = cut.get(endpoint);
  return connections === undefined
    ? { code: 'until-active', family: endpointFamily(endpoint) }
    : { code: 'until-closed', connections, id: endpoint.id };
}

/** Interfaces that are ignored or have no usable address: each is listed once, without an address. */
function withoutAddress(
  evaluations: readonly Evaluation[],
  uplinks: readonly Uplink[],
  selected: readonly Selected[],
): Uplink[] {
  const unused = new Map<number, Evaluation[]>();
  const used = new Set<number>();
  evaluations.forEach((evaluation, at) => {
    const { index } = evaluation.candidate.selected.link;
    if (uplinks[at]!.state !== 'ignored') used.add(index);
    const same = unused.get(index);
    if (same) same.push(evaluation);
    else unused.set(index, [evaluation]);
  });
  return selected
    .filter(({ link }) => !used.has(link.index))
    .map(({ rule, link }) => {
      const verdict: UplinkVerdict = rule.ignore
        ? { state: 'ignored', reason: { code: 'ignored-by-rule' } }
        : link.usable
          ? { state: 'no address', reason: noAddressReason(unused.get(link.index) ?? [], rule) }
          : { state: 'no carrier', reason: carrierReason(link.flags) };
      return { ...bareUplink(link.name, link.index), ...verdict, rule };
    });
}

function noAddressReason([first, ...more]: readonly Evaluation[], { families }: Selected['rule']): Reason {
  if (!first?.verdict) return { code: 'no-address', families };
  return {
    code: 'no-usable-address',
    address: first.candidate.address.address,
    because: first.verdict.reason,
    more: more.length,
  };
}

/** Lingering endpoints whose link or address is gone, or whose address no rule selects any more. */
function lingeringWithoutUplink(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  snapshot: Snapshot,
  selected: readonly Selected[],
): Uplink[] {
  const known = new Set(evaluations.map(({ endpoint }) => endpoint));
  return retirement.lingering
    .filter((endpoint) => !known.has(endpoint))
    .map((endpoint) => {
      const link = snapshot.links.get(endpoint.ifindex);
      const stays = stayOf(endpoint, retirement);
      return {
        ...bareUplink(link?.name ?? `if${endpoint.ifindex}`, endpoint.ifindex),
        key: `${endpoint.ifindex}/${endpoint.address}`,
        state: 'lingering' as const,
        reason: { code: lingeringCode(endpoint, snapshot, selected) },
        ...(stays ? { stays } : {}),
        family: endpointFamily(endpoint),
        address: endpoint.address,
        endpoint,
        flags: endpoint.flags,
      };
    });
}

function lingeringCode(
  { ifindex, address }: Endpoint,
  { links, addresses }: Snapshot,
  selected: readonly Selected[],
): 'interface-gone' | 'address-gone' | 'ignored-by-rule' | 'not-selected' {
  if (!links.has(ifindex)) return 'interface-gone';
  if (!addresses.some((each) => each.ifindex === ifindex && each.address === address)) return 'address-gone';
  return selected.some(({ link, rule }) => link.index === ifindex && rule.ignore)
    ? 'ignored-by-rule'
    : 'not-selected';
}

const bareUplink = (name: string, ifindex: number): Uplink => ({
  key: `${ifindex}/`,
  state: 'no address',
  reason: { code: 'address-gone' },
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

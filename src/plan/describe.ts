/** The report on each uplink: its state, the reason, and what is known of its path. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { carrierReason, type Verdict } from './assess.ts';
import { removalConflict } from './conflict.ts';
import { endpointFamily, wantedFlags } from './endpoint.ts';
import type { Evaluation } from './evaluate.ts';
import type { Retirement } from './retire.ts';
import { PAUSED, type State } from '../actions/state.ts';
import { suspectOf, suspectReason } from './suspect.ts';
import type { Selected, Uplink } from './uplink.ts';

/**
 * One report for each entry, in the same order. An interface may have one address with two
 * prefix lengths: the first is the uplink.
 */
export function describeAll(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  state: State,
  snapshot: Snapshot,
): Uplink[] {
  const firsts = new Map<string, Uplink>();
  return evaluations.map((evaluation) => {
    const uplink = withSuspect(describe(evaluation, retirement, state), evaluation, snapshot);
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

function describe(evaluation: Evaluation, retirement: Retirement, state: State): Uplink {
  const { candidate, endpoint } = evaluation;
  const { link, rule } = candidate.selected;
  const lingers = endpoint !== null && retirement.lingering.includes(endpoint);
  const verdict = told(evaluation, state);
  return {
    key: `${link.index}/${candidate.address.address}`,
    state: lingers && verdict.state !== 'conflict' ? 'lingering' : verdict.state,
    reason: lingers
      ? `${verdict.reason}; ${besideText(endpoint, retirement) ?? stays(candidate.family)}`
      : verdict.reason,
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

/** A suspect uplink is so whether or not its endpoint is in place, unless something else is wrong with it. */
function withSuspect(uplink: Uplink, { candidate, verdict }: Evaluation, snapshot: Snapshot): Uplink {
  const suspect = suspectOf(candidate, snapshot);
  const usable = uplink.state === 'active' || uplink.state === 'verified' || verdict?.state === 'suspect';
  if (!suspect || !usable) return uplink;
  const { endpoint, state } = uplink;
  const stay = state === 'lingering' || (endpoint && suspect.present && suspect.kept);
  return {
    ...uplink,
    ...{ state: 'suspect', suspect },
    reason: `${suspectReason(suspect)}${stay ? '; its endpoint stays, because open connections have no other subflow' : ''}`,
  };
}

function told(evaluation: Evaluation, state: State): Verdict {
  const reason = removalConflict(evaluation, state);
  if (reason !== null) return { state: 'conflict', reason };
  const verdict = evaluation.verdict ?? { state: 'verified', reason: 'routes and policy rules come next' };
  return state.paused && verdict.state === 'verified' ? { state: 'verified', reason: PAUSED } : verdict;
}

const stays = (family: Family): string =>
  `its endpoint stays until another ${familyName(family)} uplink is active`;

/** Interfaces that are ignored or have no usable address: each is listed once, without an address. */
export function withoutAddress(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  state: State,
  selected: readonly Selected[],
): Uplink[] {
  const byLink = new Map<number, Evaluation[]>();
  for (const evaluation of evaluations) {
    const { index } = evaluation.candidate.selected.link;
    const same = byLink.get(index);
    if (same) same.push(evaluation);
    else byLink.set(index, [evaluation]);
  }
  return selected.flatMap(({ rule, link }) => {
    const own = byLink.get(link.index) ?? [];
    if (!own.every((evaluation) => isUnused(evaluation, retirement, state))) return [];
    const verdict: Verdict = rule.ignore
      ? { state: 'ignored', reason: 'the rule says ignore' }
      : link.usable
        ? { state: 'no address', reason: noAddressReason(own, rule.families) }
        : { state: 'no carrier', reason: carrierReason(link.flags) };
    return [{ ...bare(link.name, link.index), ...verdict, rule }];
  });
}

const isUnused = (evaluation: Evaluation, retirement: Retirement, state: State): boolean =>
  describe(evaluation, retirement, state).state === 'ignored';

function noAddressReason([first, ...more]: readonly Evaluation[], families: readonly Family[]): string {
  if (!first) return `no ${families.map(familyName).join(' or ')} address yet`;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return `no usable address yet: ${first.candidate.address.address} (${first.verdict?.reason})${others}`;
}

const familyName = (family: Family): string => (family === 'ipv4' ? 'IPv4' : 'IPv6');

/** Lingering endpoints whose link or address is gone, or whose address no rule selects any more. */
export function orphans(
  evaluations: readonly Evaluation[],
  retirement: Retirement,
  snapshot: Snapshot,
  selected: readonly Selected[],
): Uplink[] {
  return retirement.lingering
    .filter((endpoint) => !evaluations.some((evaluation) => evaluation.endpoint === endpoint))
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
        reason: `${why}; ${cutText(endpoint, retirement) ?? stays(endpointFamily(endpoint))}`,
        family: endpointFamily(endpoint),
        address: endpoint.address,
        endpoint,
        flags: endpoint.flags,
      };
    });
}

/** @returns null: the endpoint does not linger beside a full tunnel */
function besideText(endpoint: Endpoint, { beside }: Retirement): string | null {
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
function cutText(endpoint: Endpoint, { cut }: Retirement): string | null {
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

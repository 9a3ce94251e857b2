/** One address in one pass: its properties and the verdict so far. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { RTPROT_MULTIHOMED, type Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from './action.ts';
import { assess, claimReason, foreignClaim, type Verdict } from './assess.ts';
import { endpointOf, newEndpoint, wantedFlags } from './endpoint.ts';
import { CHANGEABLE } from './flags.ts';
import type { Memory } from './memory.ts';
import { additions } from './difference.ts';
import { policyRulesFrom, routingOf, samePolicyRule, type Routing } from './routing.ts';
import { candidates } from './select.ts';
import { assignTables } from './tables.ts';
import type { Tunnels } from './tunnel.ts';
import type { Candidate, Selected, Viable } from './uplink.ts';
import { verify } from './verify.ts';

export interface Entry {
  readonly candidate: Candidate;
  readonly viable: Viable | null;
  readonly routing: Routing | null;
  readonly endpoint: Endpoint | null;
  /** null: no verdict yet, because routes and policy rules are still to be made. */
  verdict: Verdict | null;
  /** Actions on its endpoint. */
  add: Action[];
}

/**
 * One entry for each address of a selected interface, with the verdict on link, address,
 * default route and foreign endpoint.
 */
export function assessAll(
  snapshot: Snapshot,
  memory: Memory,
  selected: readonly Selected[],
  owned: readonly Endpoint[],
  tunnels: Tunnels,
): Entry[] {
  return selected
    .filter(({ rule }) => !rule.ignore)
    .flatMap((each) =>
      each.rule.families.flatMap((family) => candidates(snapshot, each, family, owned, tunnels[family])),
    )
    .map((candidate) => {
      const assessed = assess(candidate, snapshot);
      const viable = 'candidate' in assessed ? assessed : null;
      const claim = viable && foreignClaim(snapshot, memory, candidate.address.address);
      const verdict = 'state' in assessed ? assessed : claim ? conflict(claimReason(claim)) : null;
      return {
        candidate,
        viable: verdict ? null : viable,
        routing: null,
        endpoint: endpointOf(candidate, owned),
        verdict,
        add: [],
      };
    });
}

const conflict = (reason: string): Verdict => ({ state: 'conflict', reason });

/**
 * Sorts the entries in place: by rule, then route metric, then interface index. Equal entries keep their order.
 * Slots, tables and addresses are given in this order.
 */
export function rank(entries: Entry[]): Entry[] {
  const metric = (entry: Entry): number => entry.viable?.default?.route.metric ?? Infinity;
  return entries.sort((a, b) => {
    const [one, other] = [a.candidate.selected, b.candidate.selected];
    if (one.rank !== other.rank) return one.rank - other.rank;
    return metric(a) === metric(b) ? one.link.index - other.link.index : metric(a) - metric(b);
  });
}

/**
 * The entries with the table of each, and the routes and policy rules that it is to
 * have. `entries`: in the order of rank.
 */
export function route(entries: readonly Entry[], snapshot: Snapshot): Entry[] {
  const tables = assignTables(
    entries.flatMap(({ viable }) => viable ?? []),
    snapshot,
  );
  return entries.map((entry) => {
    if (!entry.viable) return entry;
    const candidate = { ...entry.candidate, table: tables.get(entry.viable) ?? null };
    const viable = { ...entry.viable, candidate };
    return { ...entry, candidate, viable, routing: routingOf(viable, snapshot) };
  });
}

/**
 * A table has one default route per family: that of the better-ranked uplink, on any interface. An uplink that needs a
 * different default route in the same table is in conflict.
 */
export function claimTables(entries: readonly Entry[]): void {
  const holders = new Map<string, Entry>();
  for (const entry of entries) {
    const { table, family, hostRule } = entry.candidate;
    if (entry.verdict || !entry.viable?.default || table === null || hostRule) continue;
    const holder = holders.get(`${family} ${table}`);
    if (!holder) holders.set(`${family} ${table}`, entry);
    else if (!sameWay(holder.viable!, entry.viable))
      drop(
        entry,
        conflict(
          `table ${table} has the default route of ${holder.candidate.address.address}; give the rule another table`,
        ),
      );
  }
}

const sameWay = (one: Viable, other: Viable): boolean =>
  one.default?.hop.ifindex === other.default?.hop.ifindex &&
  one.default?.hop.gateway === other.default?.hop.gateway;

const isLeftBehind = ({ address }: Candidate, { policyRules }: Routing, snapshot: Snapshot): boolean =>
  policyRulesFrom(snapshot, address.address).some(
    (own) => own.protocol === RTPROT_MULTIHOMED && !policyRules.some((wanted) => samePolicyRule(own, wanted)),
  );

export function drop(entry: Entry, verdict: Verdict): void {
  entry.verdict = verdict;
}

/**
 * Sets the verdict of an entry that has none: `active`, `verified`, or why not. The verdict stays null while routes
 * and policy rules are still to be made, unless `foresee` assumes that these will be verified.
 */
export function verifyEntry(entry: Entry, snapshot: Snapshot, memory: Memory, foresee: boolean): void {
  const { viable, routing, endpoint, candidate } = entry;
  if (entry.verdict || !viable || !routing) return;
  const through = viable.default?.hop.gateway ? ` through ${viable.default.hop.gateway}` : '';
  const missing = additions(routing, snapshot).map(actionKey);
  if (missing.length > 0) {
    const refused = missing.map((key) => memory.failures.get(key)).find((failure) => failure !== undefined);
    if (refused) return drop(entry, { state: 'failed', reason: refused.reason, routed: true });
    // Something removed routes or policy rules; the endpoint stays while they are put back.
    if (endpoint) drop(entry, { state: 'active', reason: 'routes and policy rules are being put back' });
    else if (foresee)
      drop(entry, {
        state: 'verified',
        reason: `default route${through}; routes, policy rules and endpoint come next`,
      });
    return;
  }
  // The kernel still uses policy rules that are about to be removed.
  if (isLeftBehind(candidate, routing, snapshot))
    return drop(entry, {
      state: endpoint ? 'active' : 'verified',
      reason: `default route${through}; policy rules that are not needed any more are removed first`,
    });
  const refused = verify(viable, snapshot);
  if (refused) return drop(entry, refused);
  if (!endpoint)
    return drop(entry, { state: 'verified', reason: `default route${through}; the endpoint comes next` });
  drop(entry, {
    state: 'active',
    reason: viable.default
      ? `default route${through}`
      : `check-route is off, and no default route leads through ${candidate.selected.link.name}`,
  });
  // The default route is missing for a moment: change nothing before it is back.
  if (candidate.answer?.bridged) return;
  const flags = wantedFlags(candidate, memory);
  const port = candidate.selected.rule.port ?? 0;
  const device = candidate.selected.link.name;
  const different = (endpoint.flags ^ flags) & ~memory.unknownFlags;
  const wanted = { ...endpoint, flags, port };
  if (port === endpoint.port && (different & ~CHANGEABLE) === 0) {
    if (different) entry.add.push({ kind: 'endpoint change', endpoint: wanted, device });
    return;
  }
  // With a port it may have existed beside an implicit endpoint, which it replaces now that it has none.
  const fresh = newEndpoint(candidate, snapshot, memory, new Set());
  const add = {
    kind: 'endpoint add' as const,
    endpoint: fresh.implicit ? fresh.endpoint : wanted,
    device,
    gateway: viable.default?.hop.gateway ?? null,
    implicit: fresh.implicit,
  };
  // The first try had to delete the old endpoint; another try would cut its connections again.
  const failed = memory.failures.get(actionKey(add));
  if (failed && !failed.retry)
    return drop(entry, {
      state: 'active',
      reason: `its endpoint is as it was until the next ${failed.final ? 'reload' : 'try'}: ${failed.reason}`,
    });
  entry.add.push({ kind: 'endpoint delete', endpoint, device }, add);
}

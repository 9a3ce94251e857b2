/** One address in one pass: its properties and the verdict so far. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { RTPROT_MULTIHOMED, type Snapshot } from '../snapshot/snapshot.ts';
import { actionKey, type Action } from '../actions/action.ts';
import { assess, claimReason, foreignClaim, type Verdict } from './assess.ts';
import { endpointOf, newEndpoint, wantedFlags } from './endpoint.ts';
import { CHANGEABLE } from '../netlink/mptcp/flags.ts';
import type { State } from '../actions/state.ts';
import { additions } from './difference.ts';
import { policyRulesFrom, routingOf, samePolicyRule, type Routing } from './routing.ts';
import { candidates } from './select.ts';
import { assignTables } from './tables.ts';
import { mayRenew } from './renew.ts';
import { suspectOf, suspectReason } from './suspect.ts';
import type { Tunnels } from './tunnel.ts';
import type { Candidate, Selected, Viable } from './uplink.ts';
import { verify } from './verify.ts';

export interface Evaluation {
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
  state: State,
  selected: readonly Selected[],
  owned: readonly Endpoint[],
  tunnels: Tunnels,
): Evaluation[] {
  return selected
    .filter(({ rule }) => !rule.ignore)
    .flatMap((each) =>
      each.rule.families.flatMap((family) => candidates(snapshot, each, family, owned, tunnels[family])),
    )
    .map((candidate) => {
      const assessed = assess(candidate, snapshot);
      const viable = 'candidate' in assessed ? assessed : null;
      const claim = viable && foreignClaim(snapshot, state, candidate.address.address);
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
export function rank(evaluations: Evaluation[]): Evaluation[] {
  const metric = (evaluation: Evaluation): number => evaluation.viable?.default?.route.metric ?? Infinity;
  return evaluations.sort((a, b) => {
    const [one, other] = [a.candidate.selected, b.candidate.selected];
    if (one.rank !== other.rank) return one.rank - other.rank;
    return metric(a) === metric(b) ? one.link.index - other.link.index : metric(a) - metric(b);
  });
}

/**
 * The entries with the table of each, and the routes and policy rules that it is to
 * have. `entries`: in the order of rank.
 */
export function route(evaluations: readonly Evaluation[], snapshot: Snapshot): Evaluation[] {
  const tables = assignTables(
    evaluations.flatMap(({ viable }) => viable ?? []),
    snapshot,
  );
  return evaluations.map((evaluation) => {
    if (!evaluation.viable) return evaluation;
    const candidate = { ...evaluation.candidate, table: tables.get(evaluation.viable) ?? null };
    const viable = { ...evaluation.viable, candidate };
    return { ...evaluation, candidate, viable, routing: routingOf(viable, snapshot) };
  });
}

/**
 * A table has one default route per family: that of the better-ranked uplink, on any interface. An uplink that needs a
 * different default route in the same table is in conflict.
 */
export function claimTables(evaluations: readonly Evaluation[]): void {
  const holders = new Map<string, Evaluation>();
  for (const evaluation of evaluations) {
    const { table, family, hostRule } = evaluation.candidate;
    if (evaluation.verdict || !evaluation.viable?.default || table === null || hostRule) continue;
    const holder = holders.get(`${family} ${table}`);
    if (!holder) holders.set(`${family} ${table}`, evaluation);
    else if (!sameWay(holder.viable!, evaluation.viable))
      setVerdict(
        evaluation,
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

export function setVerdict(evaluation: Evaluation, verdict: Verdict): void {
  evaluation.verdict = verdict;
}

/**
 * Sets the verdict of an entry that has none: `active`, `verified`, or why not. The verdict stays null while routes
 * and policy rules are still to be made, unless `foresee` assumes that these will be verified.
 */
export function verifyEvaluation(
  evaluation: Evaluation,
  snapshot: Snapshot,
  state: State,
  assumeRouted: boolean,
): void {
  const { viable, routing, endpoint, candidate } = evaluation;
  if (evaluation.verdict || !viable || !routing) return;
  const through = viable.default?.hop.gateway ? ` through ${viable.default.hop.gateway}` : '';
  const missing = additions(routing, snapshot).map(actionKey);
  if (missing.length > 0) {
    const refused = missing.map((key) => state.failures.get(key)).find((failure) => failure !== undefined);
    if (refused) return setVerdict(evaluation, { state: 'failed', reason: refused.reason, routed: true });
    // Something removed routes or policy rules; the endpoint stays while they are put back.
    if (endpoint)
      setVerdict(evaluation, { state: 'active', reason: 'routes and policy rules are being put back' });
    else if (assumeRouted)
      setVerdict(evaluation, {
        state: 'verified',
        reason: `default route${through}; routes, policy rules and endpoint come next`,
      });
    return;
  }
  // The kernel still uses policy rules that are about to be removed.
  if (isLeftBehind(candidate, routing, snapshot))
    return setVerdict(evaluation, {
      state: endpoint ? 'active' : 'verified',
      reason: `default route${through}; policy rules that are not needed any more are removed first`,
    });
  const refused = verify(viable, snapshot);
  if (refused) return setVerdict(evaluation, refused);
  const suspect = suspectOf(candidate, snapshot);
  if (suspect && !suspect.present)
    return setVerdict(evaluation, { state: 'suspect', reason: suspectReason(suspect), routed: true });
  if (!endpoint)
    return setVerdict(evaluation, {
      state: 'verified',
      reason: `default route${through}; the endpoint comes next`,
    });
  setVerdict(evaluation, {
    state: 'active',
    reason: viable.default
      ? `default route${through}`
      : `check-route is off, and no default route leads through ${candidate.selected.link.name}`,
  });
  // The default route is missing for a moment: change nothing before it is back.
  if (candidate.lookup?.bridged) return;
  const flags = wantedFlags(candidate, state);
  const port = candidate.selected.rule.port ?? 0;
  const device = candidate.selected.link.name;
  const different = (endpoint.flags ^ flags) & ~state.unknownFlags;
  const wanted = { ...endpoint, flags, port };
  if (port === endpoint.port && (different & ~CHANGEABLE) === 0) {
    if (different) evaluation.add.push({ kind: 'endpoint change', endpoint: wanted, device });
    else if (mayRenew(endpoint, snapshot)) renew(evaluation, endpoint, snapshot, state);
    return;
  }
  // With a port it may have existed beside an implicit endpoint, which it replaces now that it has none.
  const fresh = newEndpoint(candidate, snapshot, state, new Set());
  const add = {
    kind: 'endpoint add' as const,
    endpoint: fresh.implicit ? fresh.endpoint : wanted,
    device,
    gateway: viable.default?.hop.gateway ?? null,
    implicit: fresh.implicit,
  };
  // The first try had to delete the old endpoint; another try would cut its connections again.
  const failed = state.failures.get(actionKey(add));
  if (failed && !failed.retry)
    return setVerdict(evaluation, {
      state: 'active',
      reason: `its endpoint is as it was until the next ${failed.final ? 'reload' : 'try'}: ${failed.reason}`,
    });
  evaluation.add.push({ kind: 'endpoint delete', endpoint, device }, add);
}

function renew(evaluation: Evaluation, endpoint: Endpoint, snapshot: Snapshot, state: State): void {
  const { candidate, viable } = evaluation;
  const taken = new Set([...snapshot.endpoints.map(({ id }) => id), ...state.owned.keys()]);
  const { endpoint: fresh, implicit } = newEndpoint(candidate, snapshot, state, taken);
  // Without a free id it stays as it is.
  if (implicit || fresh.id === 0) return;
  const device = candidate.selected.link.name;
  const gateway = viable?.default?.hop.gateway ?? null;
  evaluation.add.push(
    { kind: 'endpoint delete', endpoint, device },
    { kind: 'endpoint add', endpoint: fresh, device, gateway },
  );
}

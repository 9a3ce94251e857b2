/** Sixth step: whether an address's packets leave by its uplink, and whether its endpoint is as the rule says. */
import { actionKey, type Action } from '../actions/action.ts';
import type { State } from '../actions/state.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { CHANGEABLE } from '../netlink/mptcp/flags.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import { additions } from './difference.ts';
import { wrongEgress } from './egress.ts';
import { newEndpoint, wantedFlags } from './endpoint.ts';
import { withVerdict, type Evaluation, type Routed, type UplinkVerdict } from './evaluation.ts';
import { suspectOf, suspectReason } from './suspect.ts';
import { mayRenew } from './renew.ts';
import { policyRulesFrom, samePolicyRule } from './routing.ts';

export interface VerifyOptions {
  /** Assume that routes and policy rules, once made, are verified; for commands that change nothing. */
  readonly assumeRouted: boolean;
}

/**
 * The verdict of an address that has none yet: `active`, `verified`, or why not. It stays null while routes and
 * policy rules are still to be made, unless `assumeRouted` is set.
 */
export function verify(
  routed: Routed,
  snapshot: Snapshot,
  state: State,
  { assumeRouted }: VerifyOptions,
): Evaluation {
  const evaluation = { ...routed, actions: [] };
  const { path, routing, endpoint, verdict } = routed;
  if (verdict || !path || !routing) return evaluation;
  const gateway = path.default?.hop.gateway ?? null;
  const missing = additions(routing, snapshot).map(actionKey);
  if (missing.length > 0) {
    const found = verdictWhileMissing(missing, endpoint, state);
    if (found) return withVerdict(evaluation, found);
    if (!assumeRouted) return evaluation;
    return withVerdict(evaluation, {
      state: 'verified',
      reason: { code: 'routing-and-endpoint-next', gateway },
    });
  }
  // The kernel still uses policy rules that are about to be removed.
  if (hasOldRules(routed, snapshot))
    return withVerdict(evaluation, {
      state: endpoint ? 'active' : 'verified',
      reason: { code: 'old-rules-first', gateway },
    });
  const wrong = wrongEgress(routed, snapshot);
  if (wrong) return withVerdict(evaluation, wrong);
  const suspect = suspectOf(routed.candidate, snapshot);
  if (suspect && !suspect.present)
    return withVerdict(evaluation, {
      state: 'suspect',
      reason: suspectReason(suspect),
      routed: true,
    });
  if (!endpoint)
    return withVerdict(evaluation, { state: 'verified', reason: { code: 'endpoint-next', gateway } });
  return compareEndpoint(withVerdict(evaluation, activeVerdict(routed)), endpoint, snapshot, state);
}

/** `missing`: keys of the actions that add the missing objects. @returns null: they are to be added first */
function verdictWhileMissing(
  missing: readonly string[],
  endpoint: Endpoint | null,
  state: State,
): UplinkVerdict | null {
  const refused = missing.map((key) => state.failures.get(key)).find((failure) => failure !== undefined);
  if (refused) {
    const { errno, message } = refused;
    return { state: 'failed', reason: { code: 'refused', errno, message }, routed: true };
  }
  // Something removed routes or policy rules; the endpoint stays while they are restored.
  return endpoint && { state: 'active', reason: { code: 'routing-restored' } };
}

function hasOldRules({ candidate, routing }: Routed, snapshot: Snapshot): boolean {
  return policyRulesFrom(snapshot, candidate.address.address).some(
    (own) =>
      own.protocol === RTPROT_MULTIHOMED &&
      !routing?.policyRules.some((wanted) => samePolicyRule(own, wanted)),
  );
}

function activeVerdict({ candidate, path }: Routed): UplinkVerdict {
  const gateway = path?.default?.hop.gateway ?? null;
  return {
    state: 'active',
    reason: path?.default
      ? { code: 'default-route', gateway }
      : { code: 'route-not-checked', interface: candidate.selected.link.name },
  };
}

/** Adds the actions that change or replace an endpoint whose flags or port are not those of the rule. */
function compareEndpoint(
  evaluation: Evaluation,
  endpoint: Endpoint,
  snapshot: Snapshot,
  state: State,
): Evaluation {
  const { candidate, path } = evaluation;
  // The default route is missing for a moment: change nothing before it is back.
  if (candidate.lookup?.bridged) return evaluation;
  const flags = wantedFlags(candidate, state);
  const port = candidate.selected.rule.port ?? 0;
  const device = candidate.selected.link.name;
  const different = (endpoint.flags ^ flags) & ~state.unknownFlags;
  const wanted = { ...endpoint, flags, port };
  if (port === endpoint.port && (different & ~CHANGEABLE) === 0) {
    if (different) return { ...evaluation, actions: [{ kind: 'endpoint change', endpoint: wanted, device }] };
    return mayRenew(endpoint, snapshot) ? renew(evaluation, endpoint, snapshot, state) : evaluation;
  }
  // An endpoint with a port may exist beside an implicit one. Without a port it must replace the implicit one.
  const fresh = newEndpoint(candidate, snapshot, state, new Set());
  const add: Action = {
    kind: 'endpoint add',
    endpoint: fresh.implicit ? fresh.endpoint : wanted,
    device,
    gateway: path?.default?.hop.gateway ?? null,
    implicit: fresh.implicit,
  };
  // The first try had to delete the old endpoint; another try would cut its connections again.
  const failed = state.failures.get(actionKey(add));
  if (failed && !failed.retry) {
    const { errno, message, final = false } = failed;
    return withVerdict(evaluation, {
      state: 'active',
      reason: { code: 'change-refused', errno, message, final },
    });
  }
  return { ...evaluation, actions: [{ kind: 'endpoint delete', endpoint, device }, add] };
}

/** Deletes the endpoint and adds it under another id. */
function renew(evaluation: Evaluation, endpoint: Endpoint, snapshot: Snapshot, state: State): Evaluation {
  const { candidate, path } = evaluation;
  const taken = new Set([...snapshot.endpoints.map(({ id }) => id), ...state.owned.keys()]);
  const { endpoint: fresh, implicit } = newEndpoint(candidate, snapshot, state, taken);
  // If no id is free, the endpoint stays as it is.
  if (implicit || fresh.id === 0) return evaluation;
  const device = candidate.selected.link.name;
  const gateway = path?.default?.hop.gateway ?? null;
  return {
    ...evaluation,
    actions: [
      { kind: 'endpoint delete', endpoint, device },
      { kind: 'endpoint add', endpoint: fresh, device, gateway },
    ],
  };
}

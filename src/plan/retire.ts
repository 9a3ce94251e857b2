/** Decides which owned endpoints without an uplink are deleted, and which linger. */
import type { Family } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { isBypassing } from './bypass.ts';
import { endpointFamily } from './endpoint.ts';
import type { Evaluation } from './evaluation.ts';
import { isTunnelReason } from './reason.ts';
import { isLastOfConnection } from './suspect.ts';
import type { Tunnels } from './tunnel.ts';
import type { Selected } from './uplink.ts';
import { countCut } from './withdraw.ts';

export interface Retirement {
  readonly deletions: readonly Endpoint[];
  readonly lingering: readonly Endpoint[];
  /** For each lingering endpoint that the user withdrew: how many connections its removal would cut. */
  readonly cut: ReadonlyMap<Endpoint, number>;
  /**
   * For each endpoint outside a full tunnel: how many connections that began outside the tunnel use it; null: not
   * known.
   */
  readonly outsideTunnel: ReadonlyMap<Endpoint, number | null>;
}

interface RetirementInput {
  readonly selected: readonly Selected[];
  readonly evaluations: readonly Evaluation[];
  readonly owned: readonly Endpoint[];
  /** Families that have an active uplink. */
  readonly active: ReadonlySet<Family>;
  /** Endpoints that the user withdrew. */
  readonly withdrawn: readonly Endpoint[];
  readonly tunnels: Tunnels;
  readonly snapshot: Snapshot;
}

/**
 * An endpoint without an uplink is deleted at once if its family has another active uplink, and lingers otherwise: its
 * deletion would close the last subflow, and the kernel drops a connection without subflows after
 * net.mptcp.close_timeout. It also lingers while an uplink that replaces it gets its endpoint. Exceptions: an endpoint
 * that the user withdrew is deleted as soon as that cuts no connection; an endpoint outside a full tunnel,
 * as soon as no connection that began outside the tunnel uses it; an endpoint of a suspect uplink lingers while a
 * connection has no subflow elsewhere.
 */
export function retire(input: RetirementInput): Retirement {
  const { evaluations, owned, active, withdrawn, snapshot } = input;
  const { connections } = snapshot;
  const deletions: Endpoint[] = [];
  const lingering: Endpoint[] = [];
  const outsideTunnel = new Map<Endpoint, number | null>();
  const outside = owned.filter((each) => isTunnelReason(holderOf(each, evaluations)?.verdict?.reason));
  for (const endpoint of owned) {
    if (connections && withdrawn.includes(endpoint)) continue;
    const holder = holderOf(endpoint, evaluations);
    if (holder?.verdict?.state === 'active' || holder?.verdict?.state === 'verified') continue;
    const family = endpointFamily(endpoint);
    const users = isInside(endpoint, input) ? countUsers(endpoint, input) : null;
    const others = outside.some((each) => each !== endpoint && endpointFamily(each) === family);
    const moved = evaluations.some(
      (evaluation) =>
        evaluation !== holder &&
        evaluation.path &&
        evaluation.verdict?.state === 'verified' &&
        evaluation.candidate.address.address === endpoint.address,
    );
    if (moved || users === 0) deletions.push(endpoint);
    else if (holder?.verdict?.state === 'suspect' && isLastOfConnection(endpoint.address, snapshot))
      lingering.push(endpoint);
    else if (isTunnelReason(holder?.verdict?.reason)) {
      lingering.push(endpoint);
      outsideTunnel.set(endpoint, users);
    } else if (!(active.has(family) || others) || hasSuccessor(endpoint, holder, evaluations))
      lingering.push(endpoint);
    else deletions.push(endpoint);
  }
  const cut = new Map<Endpoint, number>();
  for (const endpoint of connections ? withdrawn : []) {
    const removed = new Set([...deletions, endpoint].map(({ address }) => address));
    const used = (connections ?? []).filter((locals) => locals.includes(endpoint.address));
    const count = countCut(used, removed);
    if (count === 0) deletions.push(endpoint);
    else {
      lingering.push(endpoint);
      cut.set(endpoint, count);
    }
  }
  return { deletions, lingering, cut, outsideTunnel };
}

const holderOf = (endpoint: Endpoint, evaluations: readonly Evaluation[]): Evaluation | undefined =>
  evaluations.find((evaluation) => evaluation.endpoint === endpoint);

/**
 * Whether a full tunnel takes the traffic of the endpoint's address; not if the rule of its interface bypasses the
 * tunnel, also while the interface has lost the address.
 */
export function isInside(
  endpoint: Endpoint,
  { evaluations, tunnels, selected }: Pick<RetirementInput, 'evaluations' | 'tunnels' | 'selected'>,
): boolean {
  const tunnel = tunnels[endpointFamily(endpoint)];
  if (!tunnel || isBypassing(endpoint, selected)) return false;
  const candidate = holderOf(endpoint, evaluations)?.candidate;
  return tunnel.link !== null || !candidate?.hostRule;
}

/** Connections with a subflow from its address, without those that began inside the tunnel; null: not known. */
function countUsers(endpoint: Endpoint, { snapshot, tunnels }: RetirementInput): number | null {
  const { connections, addresses } = snapshot;
  if (!connections) return null;
  const link = tunnels[endpointFamily(endpoint)]?.link;
  const inner = new Set(
    addresses.filter(({ ifindex }) => ifindex === link?.index).map(({ address }) => address),
  );
  return connections.filter(
    (locals) => locals.includes(endpoint.address) && !locals.some((local) => inner.has(local)),
  ).length;
}

/**
 * The address still works, and another one of the interface is about to replace it: the new endpoint is added first.
 */
function hasSuccessor(
  endpoint: Endpoint,
  holder: Evaluation | undefined,
  evaluations: readonly Evaluation[],
): boolean {
  if (!holder?.candidate.selected.link.usable || holder.verdict?.state !== 'ignored') return false;
  return evaluations.some(
    (evaluation) =>
      evaluation.candidate.selected.link.index === endpoint.ifindex &&
      evaluation.candidate.family === endpointFamily(endpoint) &&
      evaluation.path !== null &&
      (evaluation.verdict === null || evaluation.verdict.state === 'verified'),
  );
}

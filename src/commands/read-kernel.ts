/** Reads the kernel's state without a daemon, together with an earlier daemon's journal. */
import { statusDocument, type StatusDocument } from '../control/document.ts';
import { explain, type Explanation } from '../messages/explain.ts';
import type { State } from '../actions/state.ts';
import { planUnder } from '../plan/obstacle.ts';
import { plan } from '../plan/plan.ts';
import { needsConnections } from '../plan/withdraw.ts';
import type { LoadOptions } from '../rules/load.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { ALL_PARTS, type Snapshot } from '../snapshot/snapshot.ts';
import { configurationOrExit } from './configuration.ts';
import type { Namespace } from './namespace.ts';
import { findObstacle } from '../snapshot/obstacle.ts';
import { lookupRequests } from '../plan/lookup-requests.ts';
import { obstacleProblems } from '../plan/problem.ts';

export interface KernelRead {
  readonly snapshot: Snapshot;
  readonly state: State;
}

/** Reads the kernel's state once, together with an earlier daemon's journal. */
export async function readKernel(
  { kernel, journal }: Namespace,
  configuration: Configuration,
): Promise<KernelRead> {
  const reader = new SnapshotReader({
    ...kernel,
    sysfs: '/sys',
    requests: (base) => lookupRequests(base, configuration.rules),
  });
  const snapshot = await reader.read(new Set(ALL_PARTS));
  const { state } = journal.read();
  if (!needsConnections(snapshot, configuration.rules, state)) return { snapshot, state };
  const connections = await openConnections().catch(() => null);
  return { snapshot: { ...snapshot, ...connections }, state };
}

export async function statusWithoutDaemon(
  namespace: Namespace,
  configuration: Configuration,
  silent: StatusDocument['silent'] = null,
): Promise<StatusDocument> {
  const { snapshot, state } = await readKernel(namespace, configuration);
  const planned = planUnder(plan(snapshot, configuration, state), findObstacle());
  return {
    ...statusDocument({ plan: planned, snapshot, state }, null, obstacleProblems(findObstacle())),
    silent,
  };
}

/** Returns null when there is no such interface. */
export async function explainWithoutDaemon(
  namespace: Namespace,
  name: string,
  options: LoadOptions,
): Promise<Explanation | null> {
  const configuration = await configurationOrExit(options);
  const { snapshot, state } = await readKernel(namespace, configuration);
  const planned = planUnder(plan(snapshot, configuration, state), findObstacle());
  return explain(name, { plan: planned, snapshot, configuration, state });
}

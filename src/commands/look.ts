/** Reads the kernel's state without a daemon, together with an earlier daemon's journal. */
import { statusDocument, type StatusDocument } from '../control/document.ts';
import { findObstacle, standingProblems } from '../daemon/kernel.ts';
import { explain, type Explanation } from '../plan/explain.ts';
import type { Memory } from '../plan/memory.ts';
import { planUnder } from '../plan/obstacle.ts';
import { plan } from '../plan/plan.ts';
import { questions } from '../plan/select.ts';
import { needsConnections } from '../plan/withdraw.ts';
import type { LoadOptions } from '../rules/load.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { ALL_PARTS, type Snapshot } from '../snapshot/snapshot.ts';
import { configurationOrExit } from './configuration.ts';
import type { Namespace } from './namespace.ts';

export interface Look {
  readonly snapshot: Snapshot;
  readonly memory: Memory;
}

/** Reads the kernel's state once, together with an earlier daemon's journal. */
export async function look({ kernel, journal }: Namespace, configuration: Configuration): Promise<Look> {
  const reader = new SnapshotReader({
    ...kernel,
    sysfs: '/sys',
    questions: (base) => questions(base, configuration.rules),
  });
  const snapshot = await reader.read(new Set(ALL_PARTS));
  const { memory } = journal.read();
  if (!needsConnections(snapshot, configuration.rules, memory)) return { snapshot, memory };
  const connections = await openConnections().catch(() => null);
  return { snapshot: connections ? { ...snapshot, connections } : snapshot, memory };
}

export async function statusWithoutDaemon(
  namespace: Namespace,
  configuration: Configuration,
  silent: StatusDocument['silent'] = null,
): Promise<StatusDocument> {
  const { snapshot, memory } = await look(namespace, configuration);
  const planned = planUnder(plan(snapshot, configuration, memory), findObstacle());
  return {
    ...statusDocument({ plan: planned, snapshot, memory }, null, standingProblems()),
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
  const { snapshot, memory } = await look(namespace, configuration);
  const planned = planUnder(plan(snapshot, configuration, memory), findObstacle());
  return explain(name, planned, snapshot, configuration, memory);
}

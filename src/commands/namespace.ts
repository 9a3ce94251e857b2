/** What stands in this network namespace: asked of its daemon, or read from the kernel where none runs. */
import { Journal } from '../actions/journal.ts';
import { askOrNot } from '../control/client.ts';
import { statusDocument, type StatusDocument } from '../control/document.ts';
import { connectKernel, findObstacle, standingProblems, type KernelConnections } from '../daemon/kernel.ts';
import type { Memory } from '../plan/memory.ts';
import { planUnder } from '../plan/obstacle.ts';
import { plan } from '../plan/plan.ts';
import { needsConnections } from '../plan/withdraw.ts';
import { questions } from '../plan/select.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { SnapshotReader } from '../snapshot/reader.ts';
import { ALL_PARTS, type Snapshot } from '../snapshot/snapshot.ts';
import { bootId } from '../system/boot.ts';
import { systemClock } from '../system/clock.ts';
import { runtimeFolder, type RuntimeFolder } from '../system/runtime.ts';
import { CommandError, EXIT } from './exit.ts';

export interface Namespace {
  readonly kernel: KernelConnections;
  readonly folder: RuntimeFolder;
  readonly journal: Journal;
}

export async function openNamespace(): Promise<Namespace> {
  const kernel = await connectKernel({ clock: systemClock });
  const folder = runtimeFolder(kernel.namespace);
  return {
    kernel,
    folder,
    journal: new Journal(folder.journal, { boot: bootId(), namespace: kernel.namespace }),
  };
}

/** Of the daemon; read from the kernel where none runs or it does not answer. @throws ControlError */
export async function readStatus(
  namespace: Namespace,
  configuration: () => Promise<Configuration>,
): Promise<StatusDocument> {
  const { answer, silent } = await askOrNot<StatusDocument>(namespace.folder.socket, { ask: 'status' });
  return answer ?? statusWithoutDaemon(namespace, await configuration(), silent);
}

/** Also where it does not answer. */
export async function hasDaemon({ folder }: Namespace): Promise<boolean> {
  const { answer, silent } = await askOrNot(folder.socket, { ask: 'status' });
  return answer !== null || silent !== null;
}

/** The daemon answers by the configuration that it has read. @throws CommandError where another is named */
export function refuseConfig(config: string | undefined): void {
  if (config !== undefined)
    throw new CommandError(
      EXIT.usage,
      '--config has no effect: the daemon that runs here answers by its own configuration; leave --config out',
    );
}

export interface Look {
  readonly snapshot: Snapshot;
  readonly memory: Memory;
}

/** One look at the kernel, with what an earlier daemon wrote down. */
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

/** What stands in this network namespace: asked of its daemon, or read from the kernel where none runs. */
import { Journal } from '../actions/journal.ts';
import { askOrNot } from '../control/client.ts';
import type { StatusDocument } from '../control/document.ts';
import { connectKernel, type KernelConnections } from '../daemon/kernel.ts';
import type { Configuration } from '../rules/rule.ts';
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
  if (answer) return answer;
  // Most often the daemon answers, and the command needs no planner.
  const { statusWithoutDaemon } = await import('./look.ts');
  return statusWithoutDaemon(namespace, await configuration(), silent);
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

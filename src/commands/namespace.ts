/**
 * Opens the kernel, the runtime folder and the journal of this network namespace, and finds out whether a daemon runs.
 */
import { Journal } from '../actions/journal.ts';
import { askOrNot } from '../control/client.ts';
import { openSession, type KernelSession } from '../netlink/session.ts';
import { bootId } from '../system/boot.ts';
import { systemClock } from '../system/clock.ts';
import { runtimeFolder, type RuntimeFolder } from '../system/runtime.ts';
import { ExitError, EXIT } from './exit.ts';

export interface Namespace {
  readonly kernel: KernelSession;
  readonly folder: RuntimeFolder;
  readonly journal: Journal;
}

export async function openNamespace(): Promise<Namespace> {
  const kernel = await openSession({ clock: systemClock });
  const folder = runtimeFolder(kernel.namespace);
  return {
    kernel,
    folder,
    journal: new Journal(folder.journal, { boot: bootId(), namespace: kernel.namespace }),
  };
}

/** True also when the daemon does not answer. */
export async function hasDaemon({ folder }: Namespace): Promise<boolean> {
  const { answer, silent } = await askOrNot(folder.socket, { ask: 'status' });
  return answer !== null || silent !== null;
}

/** The daemon uses its own configuration, so another one cannot be given. @throws ExitError when one is given */
export function refuseConfig(config: string | undefined): void {
  if (config !== undefined)
    throw new ExitError(
      EXIT.usage,
      '--config has no effect: a daemon runs here and uses its own configuration; omit --config',
    );
}

/** The state of all uplinks: asked from the daemon, or read from the kernel when none answers. */

import { askOrNot } from '../control/client.ts';
import type { StatusDocument } from '../control/document.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Namespace } from './namespace.ts';

/** Asks the daemon; reads the kernel when no daemon runs or it does not answer. @throws ControlError */
export async function readStatus(
  namespace: Namespace,
  configuration: () => Promise<Configuration>,
): Promise<StatusDocument> {
  const { answer, silent } = await askOrNot<StatusDocument>(namespace.folder.socket, { ask: 'status' });
  if (answer) return answer;
  // Imported here because the daemon usually answers, and the command then needs no planner.
  const { statusWithoutDaemon } = await import('./read-kernel.ts');
  return statusWithoutDaemon(namespace, await configuration(), silent);
}

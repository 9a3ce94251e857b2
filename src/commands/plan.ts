/** `multihomed plan`: shows what `run` would change now. */
import { askOrNot } from '../control/client.ts';
import { probeLimits } from '../netlink/session.ts';
import { NetlinkError } from '../netlink/error.ts';
import { actionText } from '../actions/action.ts';
import { actionDocument } from '../messages/action.ts';
import { nothingManaged } from '../messages/nothing.ts';
import { plan } from '../plan/plan.ts';
import { configurationOrExit } from './configuration.ts';
import { EXIT } from './exit.ts';
import { readKernel } from './read-kernel.ts';
import { openNamespace } from './namespace.ts';
import { complain, print, printExact } from './print.ts';
import { problemLines, withoutDaemon } from './status.ts';
import { findObstacle } from '../snapshot/obstacle.ts';
import { problemRemedy } from '../messages/problem.ts';
import { PAUSED } from '../messages/reason.ts';
import { obstacleProblems } from '../plan/problem.ts';

export async function planCommand(flags: {
  readonly json?: boolean;
  readonly config?: string;
}): Promise<number> {
  const configuration = await configurationOrExit(flags.config === undefined ? {} : { config: flags.config });
  const namespace = await openNamespace();
  try {
    const { snapshot, state } = await readKernel(namespace, configuration);
    // Without permission to probe the maximum of the limits, the plan is shown without a change of limits.
    const limitMax = await probeLimits(namespace.kernel).catch((error: unknown) => {
      if (error instanceof NetlinkError && error.code === 'EPERM') return snapshot.limits.subflows;
      throw error;
    });
    const planned = plan(snapshot, configuration, { ...state, limitMax }, { assumeRouted: true });
    const actions = planned.actions.map(actionText);
    const changes = planned.actions.map(actionDocument);
    const paused = state.paused !== null;
    // A daemon that refuses does answer, and the plan needs no more from it.
    const asked = await askOrNot(namespace.folder.socket, { ask: 'status' }).catch(() => null);
    if (asked?.silent) complain(withoutDaemon(asked.silent));
    for (const problem of obstacleProblems(findObstacle()))
      complain(problemLines({ ...problem, remedy: problemRemedy(problem) }).join('\n'));
    if (flags.json) printExact(JSON.stringify({ version: 1, paused, actions, changes }));
    else if (paused) print(`Nothing to change: ${PAUSED}.`);
    else if (actions.length > 0) print(actions.join('\n'));
    else print(nothingManaged(planned, snapshot, configuration) ?? 'Nothing to change.');
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

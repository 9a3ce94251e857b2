/** `multihomed plan`: what `run` would change now. */
import { probeLimits } from '../daemon/kernel.ts';
import { NetlinkError } from '../netlink/error.ts';
import { actionText } from '../plan/action.ts';
import { PAUSED } from '../plan/memory.ts';
import { nothingManaged } from '../plan/nothing.ts';
import { plan } from '../plan/plan.ts';
import { configurationOrExit } from './configuration.ts';
import { EXIT } from './exit.ts';
import { look, openNamespace } from './namespace.ts';
import { print, printExact } from './print.ts';

export async function planCommand(flags: {
  readonly json?: boolean;
  readonly config?: string;
}): Promise<number> {
  const configuration = await configurationOrExit(flags.config === undefined ? {} : { config: flags.config });
  const namespace = await openNamespace();
  try {
    const { snapshot, memory } = await look(namespace, configuration);
    // Who may not ask for the most that a limit can be is shown the plan without a change of limits.
    const limitMax = await probeLimits(namespace.kernel).catch((error: unknown) => {
      if (error instanceof NetlinkError && error.code === 'EPERM') return snapshot.limits.subflows;
      throw error;
    });
    const planned = plan(snapshot, configuration, { ...memory, limitMax }, true);
    const actions = planned.actions.map(actionText);
    const paused = memory.paused !== null;
    if (flags.json) printExact(JSON.stringify({ version: 1, paused, actions }));
    else if (paused) print(`Nothing: ${PAUSED}.`);
    else if (actions.length > 0) print(actions.join('\n'));
    else print(nothingManaged(planned, snapshot, configuration) ?? 'Nothing to change.');
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

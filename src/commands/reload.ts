/** `multihomed reload`: the daemon reads its configuration again and applies the difference; a pause ends. */
import { ask } from '../control/client.ts';
import type { Reloaded } from '../daemon/reloader.ts';
import { counted } from '../messages/count.ts';
import { remedyText } from '../system/shell-quote.ts';
import { hasUnit, startRemedy } from '../system/unit.ts';
import { ExitError, EXIT } from './exit.ts';
import { openNamespace } from './namespace.ts';
import { complain, print } from './print.ts';
import { requireRoot } from './privilege.ts';

export async function reloadCommand(flags: { readonly json?: boolean }): Promise<number> {
  requireRoot();
  const namespace = await openNamespace();
  try {
    const answer = (await ask(namespace.folder.socket, { ask: 'reload' })) as Reloaded | undefined;
    if (answer === undefined)
      throw new ExitError(
        EXIT.daemon,
        `no daemon is running in this network namespace. Start it:\n    ${remedyText(startRemedy({ systemd: hasUnit() }))}`,
      );
    if (flags.json) print(JSON.stringify({ version: 1, ...answer }));
    else show(answer);
    return answer.undone.length > 0 ? EXIT.refused : EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

function show({ rules, files, warnings, done, undone }: Reloaded): void {
  for (const warning of warnings) complain(`warning: ${warning}`);
  const from = files.length > 0 ? files.join(', ') : 'no file';
  print(`${counted(rules, 'rule')} read from ${from}`);
  print(done.length > 0 ? done.join('\n') : 'Nothing to change.');
  if (undone.length > 0)
    complain(`the kernel refused a part of the changes:\n${undone.map((each) => `    ${each}`).join('\n')}`);
}

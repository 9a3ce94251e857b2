/** The `multihomed` command. */
import { CommanderError } from 'commander';
import { ExitError, EXIT } from './commands/exit.ts';
import { complain } from './commands/print.ts';
import { codeOf, program } from './commands/program.ts';
import { AddonError } from './system/load-addon.ts';
import { sourceStack } from './system/stack.ts';

// Without a listener, Node opens its debugger at this signal (kill -USR1; ss -ltn: 127.0.0.1:9229), and any user who
// can reach loopback could run code as root through it.
process.on('SIGUSR1', () => undefined);

const report = (error: unknown): void => {
  complain(`multihomed: internal error, please report it: ${sourceStack(error)}`);
};

// Handles exceptions in callbacks and unhandled rejections. Node would exit with 1, which is doctor's code for a
// warning.
process.on('uncaughtException', (error) => {
  report(error);
  process.exit(EXIT.software);
});

// A closed pipe (EPIPE) or a full disk (ENOSPC) neither ends a command early nor changes its exit code, as with ip(8).
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

async function main(): Promise<void> {
  let code: number = EXIT.done;
  try {
    await program((given) => (code = given)).parseAsync();
  } catch (error) {
    code = error instanceof CommanderError ? codeOf(error.exitCode) : explain(await known(error));
  }
  process.exitCode = code;
}

/** @returns an error of a known kind; or the error itself */
async function known(error: unknown): Promise<unknown> {
  if (error instanceof AddonError) return error;
  // The modules of the kinds of errors need the addon.
  return import('./commands/explained.ts').then(
    ({ explained }) => explained(error),
    (missing: unknown) => missing,
  );
}

/** @returns the exit code */
function explain(error: unknown): number {
  if (error instanceof ExitError) {
    complain(error.message);
    return error.exitCode;
  }
  if (error instanceof AddonError) {
    complain(`multihomed: ${error.message}`);
    return EXIT.unavailable;
  }
  report(error);
  return EXIT.software;
}

/** For bundle/code-cache.mjs, which runs several commands in one process. */
export const ended = main();

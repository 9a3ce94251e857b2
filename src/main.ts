#!/usr/bin/env node
/** The command. */
import { CommanderError } from 'commander';
import { CommandError, EXIT } from './commands/exit.ts';
import { complain } from './commands/print.ts';
import { codeOf, program } from './commands/program.ts';
import { sourceStack } from './system/stack.ts';

// Without a listener Node opens its debugger at this signal, and whoever can reach loopback is root by it
// (kill -USR1; ss -ltn: 127.0.0.1:9229).
process.on('SIGUSR1', () => undefined);

const report = (error: unknown): void => {
  complain(`multihomed: our own fault, please report it: ${sourceStack(error)}`);
};

// What is thrown in a callback, and a rejection that nothing handles: Node alone would end with 1, doctor's warning.
process.on('uncaughtException', (error) => {
  report(error);
  process.exit(EXIT.software);
});

// A reader that is gone (EPIPE) or a full disk (ENOSPC) ends no command before its time and changes no exit code, as with ip(8).
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

let code: number = EXIT.done;
try {
  await program((given) => (code = given)).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) code = codeOf(error.exitCode);
  else {
    const known = (await import('./commands/explained.ts')).explained(error);
    if (known instanceof CommandError) {
      complain(known.message);
      code = known.code;
    } else {
      report(error);
      code = EXIT.software;
    }
  }
}
process.exitCode = code;

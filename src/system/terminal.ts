/** Leaves a terminal that has hung up. */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Node puts the terminal's modes back when it exits and aborts where that fails (close a terminal window with a program
 * in it that handles SIGHUP); descriptors that are no terminal any more it leaves alone.
 */
export function leaveTerminal(): void {
  for (const fd of [0, 1, 2]) {
    if (!isatty(fd)) continue;
    closeSync(fd);
    // The lowest free descriptor: the one just closed.
    openSync('/dev/null', 'r+');
  }
}

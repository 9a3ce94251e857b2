/** The terminal that a daemon was started on, and how it is left when it hangs up. */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Those of the standard descriptors that are a terminal; to be asked for while it lives. */
export const terminals = (): number[] => [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Node puts a terminal's modes back when it exits and aborts where that fails (close a terminal window with a program in
 * it that handles SIGHUP); descriptors that are another file by then it leaves alone.
 */
export function leaveTerminal(fds: readonly number[]): void {
  for (const fd of fds) {
    closeSync(fd);
    // The lowest free descriptor: the one just closed.
    openSync('/dev/null', 'r+');
  }
}

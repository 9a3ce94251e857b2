/** The terminal on which a daemon was started, and how the daemon leaves it when it hangs up. */
import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Returns the standard descriptors that are a terminal. Must be called before the terminal hangs up. */
export const terminals = (): number[] => [0, 1, 2].filter((fd) => isatty(fd));

/**
 * Replaces the terminal's descriptors by /dev/null. On exit, Node restores the modes of a terminal and aborts if that
 * fails (close a terminal window with a program in it that handles SIGHUP), unless the descriptor has become another
 * file.
 */
export function leaveTerminal(fds: readonly number[]): void {
  for (const fd of fds) {
    closeSync(fd);
    // openSync takes the lowest free descriptor, which is the one just closed.
    openSync('/dev/null', 'r+');
  }
}

/** Ends a command that goes on by itself when the reader of its standard output is gone. */
import { onHangUp } from '../system/addon.ts';

/** Calls `end` at once, also while nothing is printed, and when a write fails for another reason (ENOSPC). */
export function onReaderGone(end: () => void): void {
  process.stdout.once('error', end);
  onHangUp(process.stdout.fd, end);
}

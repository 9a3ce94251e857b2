/** Ends a long-running command when the reader of its standard output is gone. */
import { onHangUp } from '../system/addon.ts';

/** Calls `end` at once, even while nothing is printed, and also when a write fails for another reason (ENOSPC). */
export function onReaderGone(end: () => void): void {
  process.stdout.once('error', end);
  onHangUp(process.stdout.fd, end);
}

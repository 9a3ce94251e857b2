/** Ends a long-running command when the reader of its standard output is gone. */
import { onHangUp } from '../system/addon.ts';

/** Calls `end` as soon as the reader is gone, even while nothing is printed, and when a write fails (ENOSPC). */
export function onReaderGone(end: () => void): void {
  process.stdout.once('error', end);
  onHangUp(process.stdout.fd, end);
}

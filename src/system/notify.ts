/** sd_notify(3): tells the service manager how the daemon is. Does nothing where none asked to be told. */
import { sendDatagram } from './addon.ts';

export function notify(state: string): void {
  const socket = process.env['NOTIFY_SOCKET'];
  if (!socket) return;
  try {
    sendDatagram(socket, Buffer.from(state));
  } catch {
    // The manager restarts, or is gone; it asks again by itself.
  }
}

/** Half of WatchdogSec= in milliseconds, as sd_watchdog_enabled(3) advises; null: no watchdog. */
export function watchdogInterval(): number | null {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = process.env;
  if (!usec || (pid && Number(pid) !== process.pid)) return null;
  return Number(usec) / 2000 || null;
}

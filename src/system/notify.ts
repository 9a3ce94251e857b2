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

/**
 * Whether the service manager started this process, as after a crash, and no person did: NOTIFY_SOCKET is for the
 * service alone; INVOCATION_ID and SYSTEMD_EXEC_PID (systemd.exec(5)) are inherited by the shells of a terminal that is
 * a service, so the latter must be this process or its parent, a wrapper.
 */
export function isServiceStart(): boolean {
  const { NOTIFY_SOCKET: socket, INVOCATION_ID: id, SYSTEMD_EXEC_PID: pid } = process.env;
  if (socket) return true;
  return Boolean(id) && (!pid || [process.pid, process.ppid].includes(Number(pid)));
}

/** sd_notify(3): reports the daemon's state to the service manager. Does nothing if none asked for it. */
import { sendDatagram } from './addon.ts';

/** Sends assignments such as `READY=1`, separated by line feeds. Never throws. */
export function notify(state: string): void {
  const socket = process.env['NOTIFY_SOCKET'];
  if (!socket) return;
  try {
    sendDatagram(socket, Buffer.from(state));
  } catch {
    // The service manager restarts or is gone; nothing needs to be done.
  }
}

/** Half of WatchdogSec= in milliseconds, as sd_watchdog_enabled(3) advises; null without a watchdog. */
export function watchdogInterval(): number | null {
  const { WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = process.env;
  if (!usec || (pid && Number(pid) !== process.pid)) return null;
  return Number(usec) / 2000 || null;
}

/**
 * Whether the service manager started this process, for example after a crash, and not a person. NOTIFY_SOCKET is set
 * only for the service. INVOCATION_ID and SYSTEMD_EXEC_PID (systemd.exec(5)) are inherited by the shells of a
 * terminal that is a service, so the latter must be the pid of this process or of its parent, a wrapper.
 */
export function isServiceStart(): boolean {
  const { NOTIFY_SOCKET: socket, INVOCATION_ID: id, SYSTEMD_EXEC_PID: pid } = process.env;
  if (socket) return true;
  return Boolean(id) && (!pid || [process.pid, process.ppid].includes(Number(pid)));
}

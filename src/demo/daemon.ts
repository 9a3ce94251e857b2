/** Runs the real daemon as a process with the shipped rules, and records its log and its status. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ask } from '../control/client.ts';
import type { StatusDocument } from '../control/document.ts';
import { openSession } from '../netlink/session.ts';
import { systemClock } from '../system/clock.ts';
import { runtimeFolder } from '../system/runtime.ts';
import type { EventLog } from './event-log.ts';
import { HOOK_NAME, hookText, listenHook } from './hook.ts';

/** A line of the daemon's log as for systemd-journald: its priority (sd-daemon(3)) and its text. */
const LOG_LINE = /^<(\d)>(.*)$/;
/** LOG_INFO of syslog(3). */
const LOG_INFO = '6';

export class Daemon {
  readonly #events: EventLog;
  readonly #socket: string;
  readonly #child: ChildProcess;
  readonly #recorded = new Map<string, string>();
  #asking = false;
  #again = false;

  private constructor(events: EventLog, socket: string, child: ChildProcess) {
    [this.#events, this.#socket, this.#child] = [events, socket, child];
  }

  static async start(events: EventLog, main: string, onEnd: (text: string) => void): Promise<Daemon> {
    listenHook((run) => {
      const { interface: name, action } = run;
      events.record({ kind: 'hook', hook: HOOK_NAME, interface: name, action, text: hookText(run) });
    });
    const kernel = await openSession({ clock: systemClock });
    kernel.close();
    const child = spawn(process.execPath, [main, 'run', '--log', 'journal'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const daemon = new Daemon(events, runtimeFolder(kernel.namespace).socket, child);
    child.once('exit', (code, signal) => onEnd(`the daemon ended by itself (${signal ?? code})`));
    createInterface(child.stderr).on('line', (line) => {
      const [, priority = LOG_INFO, text = line] = LOG_LINE.exec(line) ?? [];
      events.record({ kind: 'log', priority: Number(priority), text });
      daemon.poll();
    });
    return daemon;
  }

  /** Stops its process, so that the kernel works alone with what the daemon has configured. */
  halt(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Asks for the status and records each uplink that has changed. */
  poll(): void {
    this.#again = true;
    if (!this.#asking) void this.#askAll();
  }

  async #askAll(): Promise<void> {
    this.#asking = true;
    while (this.#again) {
      this.#again = false;
      // The daemon may not listen yet, or may be in its first pass.
      const status = await ask(this.#socket, { ask: 'status' }).catch(() => undefined);
      if (status) this.#compare(status as StatusDocument);
    }
    this.#asking = false;
  }

  #compare({ uplinks }: StatusDocument): void {
    for (const uplink of uplinks) {
      const { interface: name, address, state, reason, rule, flags, endpoint } = uplink;
      // Link-local addresses, which no rule of the demo selects.
      if (state === 'ignored') continue;
      const fact = {
        kind: 'uplink',
        interface: name,
        address,
        state,
        reason,
        rule,
        flags,
        endpoint: endpoint?.id ?? null,
      } as const;
      const text = `${state} ${address} ${flags.join(' ')}`;
      if (this.#recorded.get(name) === text) continue;
      this.#recorded.set(name, text);
      this.#events.record(fact);
    }
    for (const name of this.#recorded.keys())
      if (!uplinks.some((uplink) => uplink.interface === name)) this.#recorded.delete(name);
  }
}

/** Runs the real daemon as a process with the shipped rules, and records its log and its status. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ask } from '../control/client.ts';
import type { StatusDocument } from '../control/document.ts';
import { openSession } from '../netlink/session.ts';
import { systemClock } from '../system/clock.ts';
import { runtimeFolder } from '../system/runtime.ts';
import type { EventLog } from './event-log.ts';
import { hookLine } from './hook.ts';

/** The time such as `17:03:12.125 ` at the start of each line of the log, which the demo replaces with its own. */
const TIME = /^\d\d:\d\d:\d\d\.\d{3} /;

export class Daemon {
  readonly #events: EventLog;
  readonly #socket: string;
  readonly #told = new Map<string, string>();
  #asking = false;
  #again = false;

  private constructor(events: EventLog, socket: string) {
    this.#events = events;
    this.#socket = socket;
  }

  static async start(events: EventLog, main: string, onEnd: (text: string) => void): Promise<Daemon> {
    const kernel = await openSession({ clock: systemClock });
    kernel.close();
    const daemon = new Daemon(events, runtimeFolder(kernel.namespace).socket);
    const child = spawn(process.execPath, [main, 'run'], { stdio: ['ignore', 'ignore', 'pipe'] });
    child.once('exit', (code, signal) => onEnd(`the daemon ended by itself (${signal ?? code})`));
    createInterface(child.stderr).on('line', (line) => {
      const text = line.replace(TIME, '');
      const hook = hookLine(text);
      events.record(hook ? { kind: 'hook', ...hook } : { kind: 'log', text });
      daemon.look();
    });
    return daemon;
  }

  /** Asks for the status and records each uplink that has changed. */
  look(): void {
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
      // These are link-local addresses, which no rule of the demo selects.
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
      if (this.#told.get(name) === text) continue;
      this.#told.set(name, text);
      this.#events.record(fact);
    }
    for (const name of this.#told.keys())
      if (!uplinks.some((uplink) => uplink.interface === name)) this.#told.delete(name);
  }
}

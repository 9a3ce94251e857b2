/** One line for each thing that happened to an uplink. */
import type { Plan } from '../plan/plan.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { Log } from '../system/log.ts';

interface Entry {
  readonly state: string;
  readonly gateway: string | null;
  readonly name: string;
  /** When it left its resting state, by the clock. */
  readonly since: number;
}

export class Diary {
  readonly #log: Log;
  #entries = new Map<string, Entry>();

  constructor(log: Log) {
    this.#log = log;
  }

  write(plan: Plan, now: number): void {
    const entries = new Map<string, Entry>();
    for (const uplink of plan.uplinks) {
      const before = this.#entries.get(uplink.key);
      const name = `${uplink.interface}${uplink.address ? ` ${uplink.address}` : ''}`;
      const same = before?.state === uplink.state;
      const since = same || uplink.state === 'active' ? (before?.since ?? now) : now;
      entries.set(uplink.key, { state: uplink.state, gateway: uplink.gateway, name, since });
      if (!same) this.#line(uplink, name, now - since);
      else if (before.gateway !== uplink.gateway && uplink.state === 'active')
        this.#log.info(
          `${name}: gateway ${before.gateway ?? 'none'} → ${uplink.gateway ?? 'none'}`,
          fields(uplink),
        );
    }
    for (const [key, { name }] of this.#entries)
      if (!entries.has(key) && !key.endsWith('/')) this.#log.info(`${name}: gone`, { uplink: key });
    this.#entries = entries;
  }

  #line(uplink: Uplink, name: string, took: number): void {
    const { state, reason } = uplink;
    const duration = state === 'active' && took >= 1 ? `, after ${words(took)}` : '';
    const text = `${name}: ${state}: ${reason}${duration}`;
    // Steps on the way that say nothing yet, and what the user left out.
    if (state === 'verified' || state === 'ignored') this.#log.debug(text, fields(uplink));
    else if (state === 'conflict' || state === 'failed' || state === 'no free slot')
      this.#log.warn(text, fields(uplink));
    else this.#log.info(text, fields(uplink));
  }
}

const words = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

const fields = ({ key, interface: name, address, state, reason }: Uplink): object => ({
  uplink: key,
  interface: name,
  address,
  state,
  reason,
});

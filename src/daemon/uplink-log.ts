/** Logs one line for each change of an uplink. */
import { stateText, uplinkReason } from '../messages/reason.ts';
import type { Plan } from '../plan/plan.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { Log } from '../system/log.ts';

interface LoggedUplink {
  readonly uplink: Uplink;
  /** When it entered its state, in milliseconds by the clock; for `active`, when it entered the previous state. */
  readonly since: number;
  readonly now: number;
  /** When a pass first saw its state, in milliseconds since the epoch. */
  readonly entered: number;
  /** The first state after `active`, if the uplink left `active` since the last line; null: it did not. */
  readonly passing: Uplink | null;
}

export class UplinkLog {
  readonly #log: Log;
  #written = new Map<string, LoggedUplink>();
  #seen = new Map<string, LoggedUplink>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Called after each pass. A state that lasts only until the next pass gets no line.
   * @returns when each uplink, by its key, entered its state, in milliseconds since the epoch
   */
  observe(plan: Plan, now: number): ReadonlyMap<string, number> {
    this.#seen = new Map(plan.uplinks.map((uplink) => [uplink.key, this.#entry(uplink, now)]));
    return new Map([...this.#seen].map(([key, { entered }]) => [key, entered]));
  }

  #entry(uplink: Uplink, now: number): LoggedUplink {
    const before = this.#seen.get(uplink.key);
    const same = before?.uplink.state === uplink.state;
    const since = same || uplink.state === 'active' ? (before?.since ?? now) : now;
    const lost = this.#written.get(uplink.key)?.uplink.state === 'active' && uplink.state !== 'active';
    return {
      uplink,
      since,
      now,
      entered: same ? before.entered : Date.now(),
      passing: before?.passing ?? (lost ? uplink : null),
    };
  }

  /** Called when the passes have settled. */
  write(): void {
    for (const [key, entry] of this.#seen) this.#compare(this.#written.get(key)?.uplink, entry);
    for (const [key, { uplink }] of this.#written)
      if (!this.#seen.has(key) && uplink.address) this.#log.info(`${nameOf(uplink)}: gone`, { uplink: key });
    this.#seen = new Map([...this.#seen].map(([key, entry]) => [key, { ...entry, passing: null }]));
    this.#written = this.#seen;
  }

  #compare(before: Uplink | undefined, { uplink, since, now, passing }: LoggedUplink): void {
    if (before?.state !== uplink.state) return this.#line(uplink, nameOf(uplink), now - since);
    if (passing && uplink.state === 'active')
      this.#log.info(
        `${nameOf(uplink)}: active again, after ${words(now - since)} ${stateText(passing)}`,
        fields(uplink),
      );
    if (before.gateway === uplink.gateway || uplink.state !== 'active') return;
    const text = `gateway ${before.gateway ?? 'none'} → ${uplink.gateway ?? 'none'}`;
    this.#log.info(`${nameOf(uplink)}: ${text}`, fields(uplink));
  }

  #line(uplink: Uplink, name: string, took: number): void {
    const { state } = uplink;
    const duration = state === 'active' && took >= 1 ? `, after ${words(took)}` : '';
    const text = `${name}: ${stateText(uplink)}${duration}`;
    // An intermediate state, and uplinks that the user excluded.
    if (state === 'verified' || state === 'ignored') this.#log.debug(text, fields(uplink));
    else if (state === 'conflict' || state === 'failed' || state === 'no free slot')
      this.#log.warn(text, fields(uplink));
    else this.#log.info(text, fields(uplink));
  }
}

const nameOf = ({ interface: name, address }: Uplink): string => (address ? `${name} ${address}` : name);

const words = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

const fields = (uplink: Uplink): object => ({
  uplink: uplink.key,
  interface: uplink.interface,
  address: uplink.address,
  state: uplink.state,
  reason: uplinkReason(uplink),
  code: uplink.reason.code,
});

/** Says that somebody removes what is ours, and who that may be; once, and again after a peace. */
import { actionText, type Action } from '../plan/action.ts';
import type { Outcome } from '../actions/apply.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { LEAVE_ENDPOINTS, LEAVE_ROUTING } from '../plan/contest.ts';
import { CHANGEABLE, flagNames } from '../plan/flags.ts';
import type { Log } from '../system/log.ts';

const PEACE = 60_000;

export class Blame {
  readonly #log: Log;
  #last = -Infinity;
  /** When flags were last set back, by the address of the endpoint. */
  readonly #changed = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `restored`: what is put back now; `wait`: milliseconds for which the rest is not; null: there is no rest. */
  say(restored: readonly Action[], wait: number | null, now: number): void {
    const often = now < this.#last + PEACE;
    if (restored.length > 0) this.#last = now;
    for (const action of restored) {
      const leave = 'endpoint' in action ? LEAVE_ENDPOINTS : LEAVE_ROUTING;
      const text = `${actionText(action)}: put back, another program removed it; ${leave}`;
      if (often) this.#log.debug(text);
      else this.#log.warn(text);
    }
    if (wait !== null)
      this.#log.debug(`what others keep removing is put back again in ${Math.ceil(wait / 1000)} s`);
  }

  /** Says that another program changed the flags of an endpoint. `owned`: as we made them; `found`: as the kernel had them. */
  sayChange(
    { action, error, foreign }: Outcome,
    owned: ReadonlyMap<number, Endpoint>,
    found: readonly Endpoint[],
    now: number,
  ): void {
    if (action.kind !== 'endpoint change' || error || foreign) return;
    const { id, address, flags } = action.endpoint;
    const made = owned.get(id)?.flags;
    const had = found.find((endpoint) => endpoint.id === id)?.flags;
    if (made === undefined || had === undefined || !((made ^ had) & CHANGEABLE)) return;
    const last = this.#changed.get(address) ?? -Infinity;
    this.#changed.set(address, now);
    this.#log[now < last + PEACE ? 'debug' : 'warn'](
      `${action.device} ${address}: another program changed the flags of endpoint ${id} from ${words(made)} to ` +
        `${words(had)}; set to ${words(flags)}, as the rule says`,
    );
  }
}

const words = (flags: number): string => flagNames(flags).join(',');

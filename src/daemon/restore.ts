/**
 * Putting back what somebody else removed: at most ten times in a burst and then once in five seconds, so that two
 * programs of different minds do not keep the kernel busy. systemd-networkd removes foreign policy rules by default.
 */
import { actionKey, type Action } from '../plan/action.ts';

const BURST = 10;
const REFILL = 5_000;

interface Bucket {
  tokens: number;
  filled: number;
}

/** The object that an action is about: a route by its place, since its gateway may be another each time. */
function objectOf(action: Action): string | null {
  if ('route' in action) {
    const { family, table, destination, prefixLength } = action.route;
    return `route ${family} ${table} ${destination}/${prefixLength}`;
  }
  const [, verb] = action.kind.split(' ');
  return action.kind === 'limits set' ? null : actionKey(action).replace(` ${verb} `, ' ');
}

export class RestoreLimiter {
  /** With the link of those that the kernel itself may take away: routes. */
  readonly #stood = new Map<string, number | null>();
  readonly #buckets = new Map<string, Bucket>();

  /** What was done stands, until we or somebody else removes it. */
  done(action: Action): void {
    const object = objectOf(action);
    if (object === null) return;
    if (action.kind.endsWith('delete')) this.#stood.delete(object);
    else this.#stood.set(object, 'route' in action ? action.route.hop.ifindex : null);
  }

  /**
   * `touched`: links of which events told; from these the kernel itself may have taken routes, but never policy rules or
   * endpoints. null: any.
   * @returns what may be done now, what was put back, and for how long the rest must wait (null: nothing waits)
   */
  allow(
    actions: readonly Action[],
    touched: ReadonlySet<number> | null,
    now: number,
  ): { allowed: Action[]; restored: Action[]; wait: number | null } {
    this.#forgetRoutes(touched);
    const allowed: Action[] = [];
    const restored: Action[] = [];
    let wait: number | null = null;
    for (const action of actions) {
      const object = objectOf(action);
      if (object === null || !action.kind.endsWith('add') || !this.#stood.has(object)) {
        allowed.push(action);
        continue;
      }
      const bucket = this.#bucket(object, now);
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        allowed.push(action);
        restored.push(action);
      } else {
        const due = (1 - bucket.tokens) * REFILL;
        wait = wait === null ? due : Math.min(wait, due);
      }
    }
    return { allowed, restored, wait };
  }

  #forgetRoutes(touched: ReadonlySet<number> | null): void {
    for (const [object, ifindex] of this.#stood)
      if (ifindex !== null && (touched?.has(ifindex) ?? true)) this.#stood.delete(object);
    for (const object of this.#buckets.keys()) if (!this.#stood.has(object)) this.#buckets.delete(object);
  }

  #bucket(object: string, now: number): Bucket {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, filled: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.filled) / REFILL);
    bucket.filled = now;
    this.#buckets.set(object, bucket);
    return bucket;
  }
}

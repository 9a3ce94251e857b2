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

/** What an action makes; null: it makes nothing that somebody could remove. */
function objectOf(action: Action): string | null {
  const makes =
    action.kind === 'route add' || action.kind === 'policy-rule add' || action.kind === 'endpoint add';
  return makes ? actionKey(action) : null;
}

/** What an action takes away, named as the action that made it. */
function removedObject(action: Action): string | null {
  return action.kind.endsWith('delete') ? actionKey(action).replace(' delete ', ' add ') : null;
}

export class RestoreLimiter {
  readonly #stood = new Set<string>();
  readonly #buckets = new Map<string, Bucket>();

  /** What was done stands, until we or somebody else removes it. */
  done(action: Action): void {
    const made = objectOf(action);
    const removed = removedObject(action);
    if (made) this.#stood.add(made);
    if (removed) this.#stood.delete(removed);
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
    const allowed: Action[] = [];
    const restored: Action[] = [];
    let wait: number | null = null;
    for (const action of actions) {
      const object = objectOf(action);
      const kernels = 'route' in action && (touched?.has(action.route.hop.ifindex) ?? true);
      if (kernels || object === null || !this.#stood.has(object)) {
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

  #bucket(object: string, now: number): Bucket {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, filled: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.filled) / REFILL);
    bucket.filled = now;
    this.#buckets.set(object, bucket);
    return bucket;
  }
}

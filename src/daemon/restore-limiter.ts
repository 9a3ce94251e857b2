/**
 * Decides when objects that another program removed are added again. Routes and policy rules wait for a short pause: a
 * script that deletes the first rule with certain selectors must find its own rule at its next try. An object is added
 * again at most ten times in a burst and then once in five seconds, so that two programs that disagree do not occupy
 * the kernel. (systemd-networkd removes foreign policy rules by default: ManageForeignRoutingPolicyRules= of
 * networkd.conf(5).)
 */
import { objectKey, type Action } from '../actions/action.ts';
import { EMPTY_STATE } from '../actions/state.ts';

/**
 * Milliseconds until a removed route or policy rule is added again. The loop of wg-quick(8), `while ... ip rule delete
 * table main suppress_prefixlength 0`, deletes a rule of multihomed first.
 */
export const PAUSE_MS = 250;
/** How often an object is added again without waiting for REFILL_MS. */
const BURST = 10;
const REFILL_MS = 5_000;
/** Milliseconds that an object with a used-up burst must stay in place before it is no longer contested. */
const UNCONTESTED_MS = 2 * REFILL_MS;

interface Bucket {
  tokens: number;
  filled: number;
}

export class RestoreLimiter {
  /** Objects in place. The value is the link of those that the kernel itself may remove: routes. */
  readonly #inPlace = new Map<string, number | null>();
  readonly #buckets = new Map<string, Bucket>();
  /** When a missing object may be restored. */
  #due = new Map<string, number>();
  #skipsPauses = false;
  /** When an object was last missing. */
  readonly #lastMissing = new Map<string, number>();
  #contested: ReadonlySet<string> = EMPTY_STATE.contested;

  /** Records an executed action: an added object stays in place until multihomed or another program removes it. */
  done(action: Action): void {
    const object = objectKey(action);
    if (object === null) return;
    if (action.kind.endsWith('delete')) this.#inPlace.delete(object);
    else this.#inPlace.set(object, 'route' in action ? action.route.hop.ifindex : null);
  }

  /**
   * Lets the next call of `allow` restore objects without a pause, because the user asked for a reload.
   */
  skipPauses(): void {
    this.#skipsPauses = true;
  }

  /**
   * @param touched links with events since the last pass; null: any. The kernel itself may have removed routes of
   * these, but never policy rules or endpoints.
   * @param now milliseconds by the clock
   * @returns `allowed`: the actions to execute now; `restored`: those of them that restore objects; `wait`:
   * milliseconds until the first of the other actions is allowed; `contestedWait`: the same for objects that were
   * removed too often. null: none waits
   */
  allow(
    actions: readonly Action[],
    touched: ReadonlySet<number> | null,
    now: number,
  ): { allowed: Action[]; restored: Action[]; wait: number | null; contestedWait: number | null } {
    this.#forgetRoutes(touched);
    const allowed: Action[] = [];
    const restored: Action[] = [];
    const pauses: number[] = [];
    const waits: number[] = [];
    const due = new Map<string, number>();
    const own = new Set(actions.filter((each) => each.kind.endsWith('delete')).map(objectKey));
    for (const action of actions) {
      const object = objectKey(action);
      // An object that multihomed deletes in the same pass was not removed by another program.
      if (object === null || own.has(object) || !action.kind.endsWith('add') || !this.#inPlace.has(object)) {
        allowed.push(action);
        continue;
      }
      const from = this.#skipsPauses ? now : (this.#due.get(object) ?? now + pauseOf(action));
      due.set(object, from);
      if (now < from) {
        pauses.push(from - now);
        continue;
      }
      const bucket = this.#bucket(object, now);
      if (bucket.tokens < 1 || this.#lastMissing.has(object)) this.#lastMissing.set(object, now);
      if (bucket.tokens >= 1) {
        bucket.tokens -= 1;
        due.delete(object);
        allowed.push(action);
        restored.push(action);
      } else waits.push((1 - bucket.tokens) * REFILL_MS);
    }
    this.#due = due;
    this.#skipsPauses = false;
    return { allowed, restored, wait: minimum([...pauses, ...waits]), contestedWait: minimum(waits) };
  }

  /**
   * @returns the objects that other programs keep removing, by `objectKey` (the same set as long as it does not
   * change), and the milliseconds until the next check
   */
  contested(now: number): { objects: ReadonlySet<string>; until: number | null } {
    let until: number | null = null;
    for (const [object, last] of this.#lastMissing) {
      const left = last + UNCONTESTED_MS - now;
      if (left <= 0 || !this.#inPlace.has(object)) this.#lastMissing.delete(object);
      else until = until === null ? left : Math.min(until, left);
    }
    const same =
      this.#lastMissing.size === this.#contested.size &&
      [...this.#lastMissing.keys()].every((object) => this.#contested.has(object));
    if (!same) this.#contested = new Set(this.#lastMissing.keys());
    return { objects: this.#contested, until };
  }

  #forgetRoutes(touched: ReadonlySet<number> | null): void {
    for (const [object, ifindex] of this.#inPlace)
      if (ifindex !== null && (touched?.has(ifindex) ?? true)) this.#inPlace.delete(object);
    for (const object of this.#buckets.keys()) if (!this.#inPlace.has(object)) this.#buckets.delete(object);
  }

  #bucket(object: string, now: number): Bucket {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, filled: now };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.filled) / REFILL_MS);
    bucket.filled = now;
    this.#buckets.set(object, bucket);
    return bucket;
  }
}

/** Milliseconds. Endpoints need no pause: no known script deletes the first one that matches a pattern. */
const pauseOf = (action: Action): number => ('endpoint' in action ? 0 : PAUSE_MS);

const minimum = (times: readonly number[]): number | null => (times.length ? Math.min(...times) : null);

/** Hooks that record their calls. */
import type { LinkFacts, UplinkFacts } from '../../src/hooks/facts.ts';
import type { HookRequest, HookRunner } from '../../src/hooks/runner.ts';
import type { TestClock } from './clock.ts';

type Facts = (UplinkFacts | LinkFacts) & { action: string };

export class RecordingHooks {
  /** The uplinks and links that were reported as up: `ifindex/family/address`, or `ifindex` of a link. */
  readonly up = new Map<string, Facts>();
  /** Sentences about calls that contradict earlier ones. */
  readonly contradictions: string[] = [];
  /** Milliseconds that each run takes. */
  slowness = 0;
  #ends: (() => void)[] = [];
  /** The daemon crashed or was stopped, so the next one may repeat runs. */
  #mayRepeat = false;

  runner(clock: TestClock, isDead: () => boolean): HookRunner {
    return {
      run: async (request: HookRequest) => {
        // A killed process never continues.
        if (isDead()) await new Promise(() => undefined);
        this.#record(JSON.parse(request.environment['MULTIHOMED_JSON']!) as Facts);
        if (this.slowness > 0)
          await new Promise<void>((resolve) => {
            this.#ends.push(resolve);
            clock.after(this.slowness, resolve);
          });
        if (isDead()) await new Promise(() => undefined);
        return [];
      },
      stop: async () => this.stop(),
    };
  }

  stop(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  cut(): void {
    this.#ends = [];
    this.#mayRepeat = true;
  }

  #record(facts: Facts): void {
    const key = keyOf(facts);
    const known = this.up.has(key);
    const again = this.#mayRepeat;
    if (['up', 'link-up', 'device-add'].includes(facts.action)) {
      if (known && !again) this.contradictions.push(`${facts.action} twice: ${key}`);
      this.up.set(key, facts);
    } else if (facts.action === 'change') this.#change(key, facts as UplinkFacts & Facts, again);
    else {
      if (!known && !again) this.contradictions.push(`${facts.action} without an earlier up: ${key}`);
      this.up.delete(key);
    }
  }

  /** The address may have been replaced. The change is for the only address of its interface and family that is up. */
  #change(key: string, facts: UplinkFacts & Facts, again: boolean): void {
    const near = [...this.up.keys()].filter((each) => each.startsWith(`${facts.ifindex}/${facts.family}/`));
    const before = this.up.has(key) ? key : near[0];
    if (before === undefined && !again) this.contradictions.push(`change without an earlier up: ${key}`);
    if (before !== key && near.length > 1) this.contradictions.push(`change to ${key} of one of several`);
    if (before !== undefined) this.up.delete(before);
    this.up.set(key, facts);
  }
}

function keyOf(facts: Facts): string {
  if ('address' in facts) return `${facts.ifindex}/${facts.family}/${facts.address}`;
  return facts.action.startsWith('device-') ? `device ${facts.ifindex}` : `${facts.ifindex}`;
}

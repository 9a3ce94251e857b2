/** Callers that wait until the loop finds nothing to do. */

/**
 * Waiting ends after this many passes with something to do: then other programs change more than the loop can follow.
 */
const LOOKS = 50;

interface Waiter {
  readonly resume: () => void;
  readonly most: number;
  passes: number;
}

export class SettleWaiters {
  #waiters: Waiter[] = [];

  /** `most`: after this many passes with something to do, waiting ends. */
  wait(most = LOOKS): Promise<void> {
    return new Promise((resume) => this.#waiters.push({ resume, most, passes: 0 }));
  }

  /**
   * A pass begins.
   * @returns the function to call at its end with whether anything was due
   */
  pass(): (due: boolean) => void {
    // A caller that arrives during a pass waits for the next one.
    const present = [...this.#waiters];
    return (due) => {
      for (const waiter of present) waiter.passes++;
      this.#resume(present.filter(({ passes: looks, most }) => !due || looks >= most));
    };
  }

  /** There will be no pass for a while. */
  resumeAll(): void {
    this.#resume(this.#waiters);
  }

  #resume(these: readonly Waiter[]): void {
    this.#waiters = this.#waiters.filter((each) => !these.includes(each));
    for (const { resume } of these) resume();
  }
}

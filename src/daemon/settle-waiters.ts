/** Callers that wait until the loop finds nothing to do. */

/** Passes with something to do after which a wait ends, because other programs change more than the loop can follow. */
const MAX_PASSES = 50;

interface Waiter {
  readonly resume: () => void;
  readonly most: number;
  passes: number;
}

export class SettleWaiters {
  #waiters: Waiter[] = [];

  /** Resolves when a pass finds nothing to do, or after `most` passes that found something. */
  wait(most = MAX_PASSES): Promise<void> {
    return new Promise((resume) => this.#waiters.push({ resume, most, passes: 0 }));
  }

  /**
   * A pass begins.
   * @returns the function to call at the end of the pass; `due`: the pass found something to do
   */
  pass(): (due: boolean) => void {
    // A caller that begins to wait during a pass waits for the next pass.
    const present = [...this.#waiters];
    return (due) => {
      for (const waiter of present) waiter.passes++;
      this.#resume(present.filter(({ passes, most }) => !due || passes >= most));
    };
  }

  /** Called when no further pass follows at once. */
  resumeAll(): void {
    this.#resume(this.#waiters);
  }

  #resume(these: readonly Waiter[]): void {
    this.#waiters = this.#waiters.filter((each) => !these.includes(each));
    for (const { resume } of these) resume();
  }
}

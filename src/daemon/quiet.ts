/** Those who wait until nothing is left to be done, as the loop sees it. */

/** Where something is due at each of so many looks, others change things faster than we follow: nobody waits longer. */
const LOOKS = 50;

interface Waiter {
  readonly resume: () => void;
  readonly most: number;
  looks: number;
}

export class Quiet {
  #waiters: Waiter[] = [];

  /** `most`: after so many looks at which something was due it waits no longer. */
  wait(most = LOOKS): Promise<void> {
    return new Promise((resume) => this.#waiters.push({ resume, most, looks: 0 }));
  }

  /** A look begins. @returns what its end is to be told with: whether anything was due */
  look(): (due: boolean) => void {
    // Who comes while it goes on waits for the next one.
    const present = [...this.#waiters];
    return (due) => {
      for (const waiter of present) waiter.looks++;
      this.#resume(present.filter(({ looks, most }) => !due || looks >= most));
    };
  }

  /** There will be no look for a while. */
  end(): void {
    this.#resume(this.#waiters);
  }

  #resume(these: readonly Waiter[]): void {
    this.#waiters = this.#waiters.filter((each) => !these.includes(each));
    for (const { resume } of these) resume();
  }
}

/** Keeps the state of all subjects of one kind and starts the hook runs that they need. */
import type { Semaphore } from './semaphore.ts';
import type { Notification, Transitions } from './facts.ts';
import { finished, isForgotten, newSubject, next, started, type Subject } from './notification.ts';

export interface NotifierParts<Facts> {
  readonly transitions: Transitions<Facts>;
  readonly semaphore: Semaphore;
  /** The facts that hooks were last notified of in an earlier run of the daemon, by key. */
  readonly lastNotified: Readonly<Record<string, Facts>>;
  /** Keys whose closing run (`down`, `link-down`, `device-delete`) was interrupted in an earlier run of the daemon. */
  readonly closing: readonly string[];
  /** Runs the hooks; resolves to false when the run was interrupted. Never rejects. */
  readonly notify: (notification: Notification<Facts>) => Promise<boolean>;
  /** Writes down what hooks know; resolves when that is done. Never rejects. */
  readonly record: () => Promise<void>;
}

/**
 * Notifies hooks until they know the current state of one kind of subject, with at most one run per subject at a time.
 */
export class HookNotifier<Facts extends { readonly reason: string }> {
  readonly #parts: NotifierParts<Facts>;
  readonly #subjects = new Map<string, Subject<Facts>>();
  /** Keys that have a run under way, or that wait for a free slot. */
  readonly #busy = new Set<string>();
  readonly #idlers: (() => void)[] = [];
  #stopped = false;

  constructor(parts: NotifierParts<Facts>) {
    this.#parts = parts;
    for (const [key, facts] of Object.entries(parts.lastNotified))
      this.#subjects.set(key, { ...newSubject(facts), closing: parts.closing.includes(key) });
  }

  /** The facts that hooks know and that no closing run has revoked, by key. */
  get lastNotified(): Record<string, Facts> {
    const record: Record<string, Facts> = {};
    for (const [key, subject] of this.#subjects)
      if (subject.lastNotified !== null) record[key] = subject.lastNotified;
    return record;
  }

  /** Keys whose closing run has started and has not completed. */
  get closing(): string[] {
    return [...this.#subjects]
      .filter(([, subject]) => subject.closing && subject.lastNotified !== null)
      .map(([key]) => key);
  }

  /** `current` is the complete current state. A key that is absent is gone; `downReasons` may give the reason. */
  want(current: ReadonlyMap<string, Facts>, downReasons: ReadonlyMap<string, string>): void {
    for (const key of new Set([...this.#subjects.keys(), ...current.keys()])) {
      const subject = this.#subjects.get(key) ?? newSubject<Facts>(null);
      const wanted = current.get(key) ?? null;
      const downReason = wanted === null ? (downReasons.get(key) ?? subject.downReason) : null;
      this.#subjects.set(key, { ...subject, wanted, downReason });
      this.#startNext(key);
    }
  }

  async idle(): Promise<void> {
    if (this.#busy.size > 0) await new Promise<void>((resolve) => this.#idlers.push(resolve));
  }

  /** Starts no further runs. It does not end the runs that are under way. */
  stop(): void {
    this.#stopped = true;
  }

  #startNext(key: string): void {
    const subject = this.#subjects.get(key);
    if (subject === undefined || this.#busy.has(key)) return;
    if (this.#stopped || next(subject, this.#parts.transitions) === null) {
      if (isForgotten(subject)) this.#subjects.delete(key);
      return;
    }
    this.#busy.add(key);
    this.#parts.semaphore.enter(() => this.#begin(key));
  }

  /** Decides again what to run, because the state may have changed while the key waited for a slot. */
  #begin(key: string): void {
    const subject = this.#subjects.get(key);
    const notification =
      subject === undefined || this.#stopped ? null : next(subject, this.#parts.transitions);
    if (subject === undefined || notification === null) {
      this.#release(key);
      return;
    }
    this.#subjects.set(key, started(subject, notification));
    void this.#run(key, subject, notification);
  }

  async #run(key: string, subject: Subject<Facts>, notification: Notification<Facts>): Promise<void> {
    const { record, notify } = this.#parts;
    await record();
    const completed = await notify(notification);
    const now = this.#subjects.get(key) ?? subject;
    // The next daemon repeats a closing run that was interrupted.
    this.#subjects.set(key, completed ? finished(now) : { ...now, notification: null });
    void record();
    this.#release(key);
  }

  #release(key: string): void {
    this.#busy.delete(key);
    this.#parts.semaphore.leave();
    this.#startNext(key);
    if (this.#busy.size === 0) for (const wake of this.#idlers.splice(0)) wake();
  }
}

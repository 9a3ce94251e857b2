/** Changes that were reported since the last pass. A pass takes them as a whole, and gives them back if it fails. */
import type { Part } from '../snapshot/snapshot.ts';

export interface News {
  readonly stale: ReadonlySet<Part>;
  /** Indices of the links that changed; null: any link may have changed. */
  readonly touched: ReadonlySet<number> | null;
  /** Another program changed something, or time has passed. */
  readonly woken: boolean;
}

export class Heard {
  readonly #stale = new Set<Part>();
  #touched: Set<number> | null = new Set();
  #woken = false;

  /** Whether a pass is due. */
  get any(): boolean {
    return this.#stale.size > 0;
  }

  get woken(): boolean {
    return this.#woken;
  }

  /** Whether links or addresses changed. */
  get moved(): boolean {
    return this.#stale.has('addresses') || this.#stale.has('links');
  }

  add(parts: Iterable<Part>, touched: Iterable<number> | null, woken: boolean): void {
    for (const part of parts) this.#stale.add(part);
    if (touched === null) this.#touched = null;
    else for (const ifindex of touched) this.#touched?.add(ifindex);
    this.#woken ||= woken;
  }

  take(): News {
    const news = { stale: new Set(this.#stale), touched: this.#touched, woken: this.#woken };
    this.#stale.clear();
    this.#touched = new Set();
    this.#woken = false;
    return news;
  }

  giveBack({ stale, touched, woken }: News): void {
    this.add(stale, touched, woken);
  }
}

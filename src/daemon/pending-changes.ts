/** Changes that were reported since the last pass. A pass takes all of them, and requeues them if it fails. */
import { DirtyCollector, type Dirty } from '../snapshot/dirty.ts';
import type { SnapshotPart } from '../snapshot/snapshot.ts';

export interface ChangeBatch {
  readonly stale: ReadonlySet<SnapshotPart>;
  /** Indices of the links that changed; null: any link may have changed. */
  readonly links: ReadonlySet<number> | null;
  /** Another program changed something, or time has passed. */
  readonly woken: boolean;
  /** Look-ups that may have changed; null: any. */
  readonly dirty: Dirty | null;
}

export class PendingChanges {
  readonly #stale = new Set<SnapshotPart>();
  #links: Set<number> | null = new Set();
  #woken = false;
  #dirty = new DirtyCollector();

  /** Whether a pass is due: also if nothing is stale, but what is known of a path has changed. */
  get any(): boolean {
    return this.#woken || this.#stale.size > 0;
  }

  get woken(): boolean {
    return this.#woken;
  }

  /** Whether links or addresses changed. */
  get moved(): boolean {
    return this.#stale.has('addresses') || this.#stale.has('links');
  }

  /** Adds changes by other programs or by time. `links` and `dirty` as in ChangeBatch. */
  add(parts: Iterable<SnapshotPart>, links: Iterable<number> | null, dirty: Dirty | null = null): void {
    this.#addParts(parts, dirty);
    if (links === null) this.#links = null;
    else for (const ifindex of links) this.#links?.add(ifindex);
    this.#woken = true;
  }

  /** Adds what an own action changed. */
  addOwn(parts: Iterable<SnapshotPart>, dirty: Dirty | null): void {
    this.#addParts(parts, dirty);
  }

  /** All changes at present. */
  get all(): ChangeBatch {
    return {
      ...{ stale: new Set(this.#stale), links: this.#links, woken: this.#woken },
      dirty: this.#dirty.dirty,
    };
  }

  /** Returns all changes and forgets them. */
  take(): ChangeBatch {
    const batch = this.all;
    this.#stale.clear();
    this.#links = new Set();
    this.#woken = false;
    this.#dirty = new DirtyCollector();
    return batch;
  }

  /** Adds the changes of a failed pass again. */
  requeue({ stale, links, woken, dirty }: ChangeBatch): void {
    if (woken) this.add(stale, links, dirty);
    else this.addOwn(stale, dirty);
  }

  /** `dirty` counts only for parts that a look-up depends on. */
  #addParts(parts: Iterable<SnapshotPart>, dirty: Dirty | null): void {
    for (const part of parts) {
      this.#stale.add(part);
      if (part !== 'endpoints') this.#dirty.add(dirty);
    }
  }
}

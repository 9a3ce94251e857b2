/** Changes since the last read, as far as look-ups and multihomed's own routes depend on it. */

/** A look-up is asked again if its link, its address or its table is named here. */
export interface Dirty {
  /** Interface indices. */
  readonly links: ReadonlySet<number>;
  /** Source addresses of multihomed's policy rules. */
  readonly sources: ReadonlySet<string>;
  /** Numbers of multihomed's routing tables. */
  readonly tables: ReadonlySet<number>;
}

const NONE: ReadonlySet<never> = new Set();

export const CLEAN: Dirty = { links: NONE, sources: NONE, tables: NONE };

/** Collects changes. Each addition takes time by its own size: at a start there are thousands. */
export class DirtyCollector {
  #found: { links: Set<number>; sources: Set<string>; tables: Set<number> } | null = {
    ...{ links: new Set(), sources: new Set(), tables: new Set() },
  };

  /** `dirty`: null: anything may have changed. */
  add(dirty: Dirty | null): void {
    const found = dirty ? this.#found : null;
    this.#found = found;
    if (!found || !dirty) return;
    for (const link of dirty.links) found.links.add(link);
    for (const source of dirty.sources) found.sources.add(source);
    for (const table of dirty.tables) found.tables.add(table);
  }

  /** All until now; null: anything may have changed. */
  get dirty(): Dirty | null {
    const found = this.#found;
    return (
      found && {
        ...{ links: new Set(found.links), sources: new Set(found.sources) },
        tables: new Set(found.tables),
      }
    );
  }
}

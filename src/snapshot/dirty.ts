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

/** Both together; null: anything may have changed. */
export function joinDirty(one: Dirty | null, other: Dirty | null): Dirty | null {
  if (one === null || other === null) return null;
  if (one === CLEAN) return other;
  if (other === CLEAN) return one;
  return {
    links: new Set([...one.links, ...other.links]),
    sources: new Set([...one.sources, ...other.sources]),
    tables: new Set([...one.tables, ...other.tables]),
  };
}

/**
 * Records the state that must survive a crash: owned endpoints, raised limits, and the facts that hooks were last
 * notified of. It is written before an endpoint is added. A record of another boot or namespace is ignored, so nothing
 * of it is owned.
 */
import { closeSync, existsSync, fchmodSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readRegularFile } from '../system/regular-file.ts';
import { asRuntimeUser } from '../system/runtime-user.ts';
import type { RaisedLimit, State } from './state.ts';
import { EMPTY_STATE } from './state.ts';

const VERSION = 1;
/** Size limit in bytes: a host with 10,000 uplinks writes less. */
export const JOURNAL_MAX_BYTES = 16 << 20;

export interface JournalIdentity {
  /** /proc/sys/kernel/random/boot_id */
  readonly boot: string;
  /** SO_NETNS_COOKIE in decimal. It is unique until the next boot, whereas the inode of a namespace may be reused. */
  readonly namespace: string;
}

export interface JournalRecord {
  readonly state: State;
  /** The facts that hooks were last notified of; opaque to the journal. */
  readonly notified: unknown;
}

/** The file. After an upgrade the daemon also reads the keys that an earlier version wrote (`EarlierKeys`). */
interface Written extends EarlierKeys {
  version: number;
  boot: string;
  namespace: string;
  lastId: number;
  endpoints: unknown[];
  raised: unknown;
  unknownFlags: unknown;
  /** The facts that hooks were last notified of. */
  notified: unknown;
  paused: unknown;
}

/** Keys that are only read. */
interface EarlierKeys {
  /** Now `notified`. */
  told?: unknown;
  /** `true` in place of `paused`. */
  resting?: unknown;
}

interface EarlierLimitKeys {
  /** Now `restoring`. */
  readonly returning?: boolean;
  /** Now `foreign`. */
  readonly theirs?: boolean;
}

export class Journal {
  readonly #path: string;
  readonly #identity: JournalIdentity;
  readonly #remake: () => void;
  /** The text of the file, and the values in it; null: not written yet. */
  #last = '';
  #written: JournalRecord | null = null;

  /** `remake`: creates the folder again if it is missing. */
  constructor(path: string, identity: JournalIdentity, remake: () => void = () => undefined) {
    this.#path = path;
    this.#identity = identity;
    this.#remake = remake;
  }

  /** An unreadable or foreign record counts as empty: then nothing is owned, and nothing will be deleted. */
  read(): JournalRecord {
    const empty = { state: EMPTY_STATE, notified: null };
    let written: Partial<Written>;
    try {
      written = JSON.parse(readRegularFile(this.#path, JOURNAL_MAX_BYTES)) as Partial<Written>;
    } catch {
      return empty;
    }
    const { boot, namespace } = this.#identity;
    if (written?.version !== VERSION || written.boot !== boot || written.namespace !== namespace)
      return empty;
    const endpoints = (Array.isArray(written.endpoints) ? written.endpoints : []).filter(isEndpoint);
    return {
      notified: written.notified ?? written.told ?? null,
      state: {
        ...EMPTY_STATE,
        owned: new Map(endpoints.map((endpoint) => [endpoint.id, endpoint])),
        lastId: isByte(written.lastId) ? written.lastId : 0,
        raised: raisedOf(written.raised),
        unknownFlags: isCount(written.unknownFlags) ? written.unknownFlags : 0,
        paused: pauseOf(written.paused ?? (written.resting === true ? {} : null)),
      },
    };
  }

  /**
   * Replaces the file at once and as a whole (rename(2)). The runtime folder is in memory, so nothing is synced.
   * @throws the error of node:fs
   */
  write(state: State, notified: unknown): void {
    if (this.#has(state, notified)) return;
    const { boot, namespace } = this.#identity;
    const written: Written = {
      version: VERSION,
      boot,
      namespace,
      lastId: state.lastId,
      endpoints: [...state.owned.values()],
      raised: state.raised,
      unknownFlags: state.unknownFlags,
      notified,
      paused: state.paused,
    };
    const text = `${JSON.stringify(written)}\n`;
    if (text !== this.#last || !existsSync(this.#path)) this.#replace(text);
    this.#last = text;
    this.#written = { state, notified };
  }

  /** Whether the file has these values, by identity: most passes change nothing. */
  #has(state: State, notified: unknown): boolean {
    const written = this.#written;
    if (!written || written.notified !== notified) return false;
    const before = written.state;
    return (
      before.owned === state.owned &&
      before.lastId === state.lastId &&
      before.raised === state.raised &&
      before.unknownFlags === state.unknownFlags &&
      before.paused === state.paused &&
      existsSync(this.#path)
    );
  }

  #replace(text: string): void {
    const fresh = `${this.#path}.new`;
    const fd = this.#create(fresh);
    try {
      writeFileSync(fd, text);
      // Every user may read what is owned, even without a daemon; the umask does not apply to fchmod(2).
      fchmodSync(fd, 0o644);
    } finally {
      closeSync(fd);
    }
    asRuntimeUser(() => renameOver(fresh, this.#path));
  }

  /**
   * Only multihomed writes to this folder. A file that a crash left behind is deleted, not opened.
   * @returns the descriptor
   */
  #create(path: string): number {
    const open = (): number => asRuntimeUser(() => openSync(path, 'wx', 0o600));
    try {
      return open();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') this.#remake();
      else if (code === 'EEXIST') asRuntimeUser(() => rmSync(path, { force: true, recursive: true }));
      else throw error;
      return open();
    }
  }
}

/** Renames a file, also over a folder. */
function renameOver(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EISDIR') throw error;
    rmSync(to, { force: true, recursive: true });
    renameSync(from, to);
  }
}

const isByte = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255;
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;

function pauseOf(value: unknown): State['paused'] {
  if (typeof value !== 'object' || value === null) return null;
  const { files } = value as { files?: unknown };
  return { files: typeof files === 'string' ? files : null };
}

function isEndpoint(
  value: unknown,
): value is State['owned'] extends ReadonlyMap<number, infer E> ? E : never {
  if (typeof value !== 'object' || value === null) return false;
  const { id, address, ifindex, flags, port } = value as { [key: string]: unknown };
  return isByte(id) && id > 0 && typeof address === 'string' && [ifindex, flags, port].every(isCount);
}

function raisedOf(value: unknown): State['raised'] {
  if (!isRaised(value)) return {};
  return Object.fromEntries(
    Object.entries(value).map(([limit, { returning, theirs, ...raised }]) => [
      limit,
      { ...raised, ...(returning && { restoring: true }), ...(theirs && { foreign: true }) },
    ]),
  );
}

function isRaised(value: unknown): value is { readonly [limit: string]: RaisedLimit & EarlierLimitKeys } {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(
    ([key, each]: [string, { [part: string]: unknown } | null]) =>
      (key === 'subflows' || key === 'addAddrAccepted') &&
      [each?.['from'], each?.['before'], each?.['to']].every(isCount),
  );
}

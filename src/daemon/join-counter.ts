/**
 * Counts the joins of each uplink from two sources: the kernel's MPTCP events, and sockets whose SYN gets no answer,
 * which the kernel reports only after two minutes. The kernel never retries a failed join, so each one counts.
 */
import { constants } from 'node:os';
import type { SubflowSocket } from '../netlink/diag.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import type { JoinRecord } from '../plan/uplink.ts';
import type { Clock } from '../system/clock.ts';
import { errnoName } from '../system/system-error.ts';

/** Milliseconds from an event that may begin a join until the sockets are read: TCP repeats a SYN after 1 s and 3 s. */
const READ_DELAY_MS = 4_000;
/** From this many timeouts of its SYN on, a join counts as failed. */
const FAILED_TIMEOUTS = 2;
/** Maximum number of subflows in `#known`; on a busy server the oldest are dropped. */
const MAX_SUBFLOWS = 16_384;

const NEW: JoinRecord = { established: 0, failed: 0, streak: 0, last: null, lost: 0, lastLoss: null };

export interface JoinCounterParts {
  readonly clock: Clock;
  /** Sockets of subflows in this namespace. */
  readonly sockets: () => Promise<readonly SubflowSocket[]>;
}

export class JoinCounter {
  readonly #parts: JoinCounterParts;
  #records = new Map<string, JoinRecord>();
  /** Subflows that were established or counted as failed, the oldest first. */
  readonly #known = new Set<string>();
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(parts: JoinCounterParts) {
    this.#parts = parts;
  }

  /** By the address of the uplink. */
  get records(): ReadonlyMap<string, JoinRecord> {
    return this.#records;
  }

  /**
   * Called after each pass.
   * @param active addresses of active uplinks; the record of any other address is dropped, and starts again at zero
   */
  follow(active: ReadonlySet<string>): void {
    const records = new Map([...active].map((address) => [address, this.#records.get(address) ?? NEW]));
    const more = [...records.keys()].some((address) => !this.#records.has(address));
    this.#records = records;
    // The kernel also begins joins on connections that are already open, without an event.
    if (more) this.#readLater();
  }

  /** Counts an event. `at`: milliseconds since the epoch. */
  observe({ kind, token, local, remote, error }: MptcpEvent, at: number): void {
    if (kind === 'established') this.#readLater();
    if (token === null || !local || !remote) return;
    const key = keyOf(token, local, remote);
    if (kind === 'subflow-established') {
      this.#addKnown(key);
      this.#change(local.address, (record) => ({
        ...record,
        ...{ established: record.established + 1, streak: 0 },
      }));
    }
    // Without an error the subflow was closed on purpose. ECONNABORTED: its endpoint was deleted.
    if (kind !== 'subflow-closed' || error === null || error === constants.errno.ECONNABORTED) return;
    if (this.#known.delete(key)) this.#lose(local.address, errnoName(error), at);
    else this.#fail(local.address, errnoName(error), at);
  }

  /** Reads no sockets any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #readLater(): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#parts.clock.after(READ_DELAY_MS, () => {
      this.#cancel = null;
      // If the sockets cannot be read now, they are read after the next event.
      this.#readSockets().catch(() => undefined);
    });
  }

  async #readSockets(): Promise<void> {
    const waiting = (await this.#parts.sockets()).filter(({ state }) => state === 'SYN-SENT');
    for (const { token, local, remote, traffic } of waiting) {
      const key = keyOf(token, local, remote);
      if ((traffic?.timeouts ?? 0) < FAILED_TIMEOUTS || this.#known.has(key)) continue;
      this.#addKnown(key);
      this.#fail(local.address, 'ETIMEDOUT', Date.now());
    }
    if (waiting.length > 0) this.#readLater();
  }

  #fail(address: string, errno: string, at: number): void {
    this.#change(address, (record) => ({
      ...record,
      ...{ failed: record.failed + 1, streak: record.streak + 1, last: { errno, at } },
    }));
  }

  #lose(address: string, errno: string, at: number): void {
    this.#change(address, (record) => ({ ...record, lost: record.lost + 1, lastLoss: { errno, at } }));
  }

  #change(address: string, change: (record: JoinRecord) => JoinRecord): void {
    const record = this.#records.get(address);
    if (record) this.#records.set(address, change(record));
  }

  #addKnown(key: string): void {
    this.#known.add(key);
    if (this.#known.size <= MAX_SUBFLOWS) return;
    const [oldest] = this.#known;
    this.#known.delete(oldest!);
  }
}

interface SubflowEnd {
  readonly address: string;
  readonly port: number;
}

const keyOf = (token: number, local: SubflowEnd, remote: SubflowEnd): string =>
  `${token} ${local.address} ${local.port} ${remote.address} ${remote.port}`;

/**
 * Evidence of what becomes of the subflows on each uplink: the kernel's MPTCP events, and sockets whose SYN nobody answers,
 * of which it tells nothing for two minutes. It never tries a join that failed again, so each one counts.
 */
import { constants } from 'node:os';
import type { SubflowSocket } from '../netlink/diag.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import type { JoinRecord } from '../plan/uplink.ts';
import type { Clock } from '../system/clock.ts';
import { errnoName } from '../system/system-error.ts';

/** From what may begin a join to the look at its socket, in milliseconds: a SYN is sent again after 1 s and 3 s. */
const LOOK_MS = 4_000;
/** SYNs in a row without an answer. */
const UNANSWERED = 2;
/** Subflows that are remembered; a busy server has more, and the oldest are forgotten. */
const MOST = 16_384;

const NEW: JoinRecord = { established: 0, failed: 0, streak: 0, last: null };

export interface JoinParts {
  readonly clock: Clock;
  /** Sockets of subflows in this namespace. */
  readonly sockets: () => Promise<readonly SubflowSocket[]>;
}

export class Joins {
  readonly #parts: JoinParts;
  #records = new Map<string, JoinRecord>();
  /** Established or counted as failed, the oldest first. */
  readonly #known = new Set<string>();
  #cancel: (() => void) | null = null;
  #stopped = false;

  constructor(parts: JoinParts) {
    this.#parts = parts;
  }

  /** By the address of the uplink. */
  get records(): ReadonlyMap<string, JoinRecord> {
    return this.#records;
  }

  /** After each pass. `active`: addresses of active uplinks; another one begins anew when it is active again. */
  follow(active: ReadonlySet<string>): void {
    const records = new Map([...active].map((address) => [address, this.#records.get(address) ?? NEW]));
    const more = [...records.keys()].some((address) => !this.#records.has(address));
    this.#records = records;
    // The kernel begins joins on connections that are open already, without an event.
    if (more) this.#lookLater();
  }

  /** `at`: milliseconds since the epoch. */
  see({ kind, token, local, remote, error }: MptcpEvent, at: number): void {
    if (kind === 'established') this.#lookLater();
    if (token === null || !local || !remote) return;
    const key = keyOf(token, local, remote);
    if (kind === 'subflow-established') {
      this.#know(key);
      this.#change(local.address, (record) => ({
        ...record,
        ...{ established: record.established + 1, streak: 0 },
      }));
    }
    // Without an error it was closed on purpose; ECONNABORTED: an endpoint was deleted.
    if (kind !== 'subflow-closed' || error === null || error === constants.errno.ECONNABORTED) return;
    if (!this.#known.delete(key)) this.#fail(local.address, errnoName(error), at);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#cancel ??= this.#parts.clock.after(LOOK_MS, () => {
      this.#cancel = null;
      // What cannot be read now is looked at after the next event.
      this.#look().catch(() => undefined);
    });
  }

  async #look(): Promise<void> {
    const waiting = (await this.#parts.sockets()).filter(({ state }) => state === 'SYN-SENT');
    for (const { token, local, remote, traffic } of waiting) {
      const key = keyOf(token, local, remote);
      if ((traffic?.timeouts ?? 0) < UNANSWERED || this.#known.has(key)) continue;
      this.#know(key);
      this.#fail(local.address, 'ETIMEDOUT', Date.now());
    }
    if (waiting.length > 0) this.#lookLater();
  }

  #fail(address: string, errno: string, at: number): void {
    this.#change(address, (record) => ({
      ...record,
      ...{ failed: record.failed + 1, streak: record.streak + 1, last: { errno, at } },
    }));
  }

  #change(address: string, change: (record: JoinRecord) => JoinRecord): void {
    const record = this.#records.get(address);
    if (record) this.#records.set(address, change(record));
  }

  #know(key: string): void {
    this.#known.add(key);
    if (this.#known.size <= MOST) return;
    const [oldest] = this.#known;
    this.#known.delete(oldest!);
  }
}

interface Side {
  readonly address: string;
  readonly port: number;
}

const keyOf = (token: number, local: Side, remote: Side): string =>
  `${token} ${local.address} ${local.port} ${remote.address} ${remote.port}`;

/** Reads the sockets of paths: first the few that moved data last, and all only if those explain nothing. */
import { Budget } from '../health/budget.ts';
import { explains, isListDue, recordList, type SocketsDue } from '../health/look.ts';
import type { Path } from '../health/path.ts';
import type { Requester } from '../netlink/connection.ts';
import { dumpSubflowSockets, type SubflowSocket } from '../netlink/diag.ts';
import { readSubflowSockets } from '../netlink/socket-request.ts';
import type { Clock } from '../system/clock.ts';

/** Part of the budget in milliseconds that is kept for links that send without receiving. */
const RESERVE_MS = 100;
const LATE_MS = 10;

export interface Reading {
  readonly sockets: readonly SubflowSocket[];
  /** When the kernel read them, in milliseconds by the clock, at most LATE_MS too early. */
  readonly at: number;
}

export class PathSockets {
  readonly #diag: Requester;
  readonly #clock: Clock;
  readonly #budget = new Budget();

  constructor(diag: Requester, clock: Clock) {
    [this.#diag, this.#clock] = [diag, clock];
  }

  /**
   * The sockets by which the path can be judged.
   * @returns null: none of them explains what moves, and the others may not be read now
   * @throws NetlinkError, DecodeError
   */
  async read(path: Path, why: SocketsDue): Promise<Reading | null> {
    const at = this.#clock.now();
    const known = path.sample.length > 0 ? await readSubflowSockets(this.#diag, path.sample) : [];
    const now = this.#clock.now();
    path.sample = known;
    const few = { sockets: known, at: timeOf(at, now) };
    if (known.some((socket) => explains(socket, now, path.lastReadAt))) return few;
    const reserve = why === 'silent' ? 0 : RESERVE_MS;
    if (!isListDue(path, why, now) || this.#budget.left(now) <= reserve) return known.length > 0 ? few : null;
    const all = await this.#dump(path.address);
    recordList(path, path.select(all.sockets, all.at), all.at);
    return all;
  }

  /**
   * All sockets of the namespace.
   * @throws NetlinkError, DecodeError
   */
  readAll(): Promise<Reading> {
    return this.#dump();
  }

  /** Counts the processor time. */
  async #dump(source?: string): Promise<Reading> {
    const at = this.#clock.now();
    const began = process.cpuUsage();
    const sockets = await dumpSubflowSockets(this.#diag, source);
    const { user, system } = process.cpuUsage(began);
    this.#budget.spend((user + system) / 1000, this.#clock.now());
    return { sockets, at: timeOf(at, this.#clock.now()) };
  }
}

/** If the answer came late, it is not known when the kernel read the sockets; too late a time never makes a path suspect. */
const timeOf = (asked: number, answered: number): number => Math.max(asked, answered - LATE_MS);

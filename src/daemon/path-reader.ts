/** Reads the counters and the sockets of the watched paths, and bounds the processor time that sockets take. */
import type { AnswerTime } from '../health/answer-time.ts';
import { Budget } from '../health/budget.ts';
import { judge } from '../health/judge.ts';
import {
  judgeOptions,
  mayReadSockets,
  mayShareReading,
  recordJudgement,
  recordStats,
  type Path,
} from '../health/path.ts';
import { mayBeSilent } from '../health/silence.ts';
import type { Requester } from '../netlink/connection.ts';
import { dumpSubflowSockets, type SubflowSocket } from '../netlink/diag.ts';
import type { Clock } from '../system/clock.ts';
import { PacketCounters } from './packet-counters.ts';

interface Parts {
  readonly route: Requester;
  /** NETLINK_SOCK_DIAG. */
  readonly diag: Requester;
  readonly clock: Clock;
}

export class PathReader {
  readonly #parts: Parts;
  readonly #budget = new Budget();
  readonly #counters: PacketCounters;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#counters = new PacketCounters(parts.route);
  }

  /** Milliseconds of processor time that reading sockets may take now. */
  get budget(): number {
    return this.#budget.left(this.#parts.clock.now());
  }

  /** Closes the counters' files of other links. */
  follow(paths: readonly Path[]): void {
    this.#counters.keep(new Set(paths.map(({ ifindex }) => ifindex)));
  }

  /** Closes the counters' files. */
  close(): void {
    this.#counters.close();
  }

  /**
   * Reads the counters without promises, which take longer than the counters do.
   * @returns whether no sockets are worth reading; false also if a link's files are not open
   */
  isQuiet(paths: readonly Path[], answerTime: AnswerTime): boolean {
    const now = this.#parts.clock.now();
    const budget = this.#budget.left(now);
    let isQuiet = true;
    for (const path of paths) {
      const stats = this.#counters.readNow(path.ifindex, path.name);
      if (!stats) return false;
      recordStats(path, stats, now);
      if (!path.suspicion && (mayReadSockets(path, now, budget) || mayBeSilent(path, now, answerTime)))
        isQuiet = false;
    }
    return isQuiet;
  }

  /**
   * Reads the counters, and the sockets of the paths on which they are worth it.
   * @returns whether nothing is answered on one of the paths
   * @throws NetlinkError, DecodeError
   */
  async isAnyStalled(paths: readonly Path[], answerTime: AnswerTime): Promise<boolean> {
    const stats = await Promise.all(paths.map(({ ifindex, name }) => this.#counters.read(ifindex, name)));
    const now = this.#parts.clock.now();
    for (const [at, path] of paths.entries()) if (stats[at]) recordStats(path, stats[at], now);
    const budget = this.#budget.left(now);
    const watched = paths.filter(({ suspicion }) => !suspicion);
    if (!watched.some((path) => mayReadSockets(path, now, budget))) return false;
    const read = watched.filter(
      (path) => mayReadSockets(path, now, budget) || mayShareReading(path, now, budget),
    );
    const sockets = await this.sockets(read.map(({ address }) => address));
    const readAt = this.#parts.clock.now();
    let isAnyStalled = false;
    for (const path of read) {
      const options = judgeOptions(path, readAt);
      const judgement = judge(path.waits, path.select(sockets, readAt), readAt, answerTime, options);
      recordJudgement(path, judgement, readAt);
      isAnyStalled ||= judgement.verdict.kind === 'stalled';
    }
    return isAnyStalled;
  }

  /**
   * The sockets of all subflows, or of those from these addresses.
   * @throws NetlinkError, DecodeError
   */
  async sockets(sources?: readonly string[]): Promise<SubflowSocket[]> {
    const began = process.cpuUsage();
    const sockets = await dumpSubflowSockets(this.#parts.diag, sources);
    const { user, system } = process.cpuUsage(began);
    this.#budget.spend((user + system) / 1000, this.#parts.clock.now());
    return sockets;
  }
}

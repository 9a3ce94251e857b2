/** Looks at the packet counters of links at intervals, and at the sockets of a path when its link is silent. */
import type { AnswerTime } from '../health/answer-time.ts';
import { firstGauge, readGauge } from '../health/gauge.ts';
import { judge } from '../health/judge.ts';
import { lookPause, recordJudgement, socketsDue, steadyUntil, type SocketsDue } from '../health/look.ts';
import { isLossy, type Path } from '../health/path.ts';
import type { Requester } from '../netlink/connection.ts';
import { isExpected } from '../netlink/error.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { PacketCounters } from './packet-counters.ts';
import type { PathSockets } from './path-sockets.ts';

/** A link whose time comes within this many milliseconds is read too. */
const EARLY_MS = 2;
/** Milliseconds until the next reading after an error. */
const ERROR_PAUSE_MS = 1_000;

export class PathPoller {
  /** null: nothing is read. */
  answerTime: AnswerTime | null = null;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #paths: { readonly all: Iterable<Path> };
  readonly #sockets: PathSockets;
  readonly #counters: PacketCounters;
  readonly #onStalled: (paths: readonly Path[]) => Promise<void>;
  #cancel: (() => void) | null = null;
  /** When the timer fires, in milliseconds by the clock. */
  #timerAt = Infinity;
  #reading = false;
  #stopped = false;

  /** `onStalled`: nothing on these paths is answered; until it resolves nothing else is read. */
  constructor(
    { route, clock, log }: { readonly route: Requester; readonly clock: Clock; readonly log: Log },
    paths: { readonly all: Iterable<Path> },
    sockets: PathSockets,
    onStalled: (paths: readonly Path[]) => Promise<void>,
  ) {
    [this.#clock, this.#log, this.#paths, this.#sockets] = [clock, log, paths, sockets];
    this.#counters = new PacketCounters(route);
    this.#onStalled = onStalled;
  }

  /** Sets the timer for the path whose time comes first. */
  schedule(): void {
    if (this.#reading || this.#stopped || !this.answerTime) return;
    let next = Infinity;
    for (const { nextLookAt } of this.#paths.all) if (nextLookAt < next) next = nextLookAt;
    if (this.#cancel && this.#timerAt === next) return;
    this.pause();
    if (next === Infinity) return;
    this.#timerAt = next;
    this.#cancel = this.#clock.after(Math.max(0, next - this.#clock.now()), () => {
      this.#cancel = null;
      this.#look();
    });
  }

  /** Cancels the timer. */
  pause(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  /** The paths have changed: closes the files of other links. */
  follow(): void {
    this.#counters.keep(new Set([...this.#paths.all].map(({ ifindex }) => ifindex)));
  }

  /** Ends the timer, and closes all files. */
  stop(): void {
    this.#stopped = true;
    this.pause();
    this.#counters.close();
  }

  /** Runs many times a second: it reads one file for each link that receives, and makes no promise. */
  #look(): void {
    const now = this.#clock.now();
    let due: [Path, SocketsDue][] | null = null;
    let unread: Path[] | null = null;
    for (const path of this.#paths.all) {
      if (path.nextLookAt > now + EARLY_MS) continue;
      if (!this.#readFiles(path, now)) {
        (unread ??= []).push(path);
        continue;
      }
      const why = path.suspicion ? null : socketsDue(path, now);
      if (why) (due ??= []).push([path, why]);
      else path.nextLookAt = now + lookPause(path, now);
    }
    if (due || unread) void this.#read(due ?? [], unread ?? []);
    else this.schedule();
  }

  /** @returns false: its files are not open */
  #readFiles(path: Path, now: number): boolean {
    const received = this.#counters.received(path.ifindex, path.name);
    if (received === null) return false;
    const { gauge } = path;
    // What was sent matters only if nothing was received.
    const sent = gauge?.stats.received === received ? this.#counters.sent(path.ifindex) : null;
    path.gauge = gauge ? readGauge(gauge, { received, sent }, now) : firstGauge({ received, sent }, now);
    return true;
  }

  async #read(due: [Path, SocketsDue][], unread: readonly Path[]): Promise<void> {
    this.#reading = true;
    const began = this.#clock.now();
    for (const path of [...unread, ...due.map(([path]) => path)]) path.nextLookAt = began + ERROR_PAUSE_MS;
    try {
      await Promise.all(unread.map((path) => this.#request(path, due)));
      const stalled: Path[] = [];
      for (const [path, why] of due) {
        if (await this.#isStalled(path, why)) stalled.push(path);
        const now = this.#clock.now();
        path.nextLookAt = now + lookPause(path, now);
      }
      if (stalled.length > 0) await this.#onStalled(stalled);
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.#log.debug(`the paths were not read: ${error.message}`);
    } finally {
      this.#reading = false;
    }
    this.schedule();
  }

  /** Reads the counters by netlink, and opens the files. Adds the path to `due` if its sockets are to be read. */
  async #request(path: Path, due: [Path, SocketsDue][]): Promise<void> {
    const stats = await this.#counters.read(path.ifindex, path.name);
    if (!stats) return;
    const now = this.#clock.now();
    path.gauge = path.gauge ? readGauge(path.gauge, stats, now) : firstGauge(stats, now);
    const why = path.suspicion ? null : socketsDue(path, now);
    if (why) due.push([path, why]);
    else path.nextLookAt = now + lookPause(path, now);
  }

  /** Reads the sockets of one path. @returns whether nothing on it is answered */
  async #isStalled(path: Path, why: SocketsDue): Promise<boolean> {
    const reading = await this.#sockets.read(path, why);
    if (!reading || !this.answerTime) return false;
    const { sockets, at } = reading;
    const judgement = judge(path.waits, path.select(sockets, at), at, this.answerTime, {
      lossy: isLossy(path, at),
      steadyUntil: steadyUntil(path),
    });
    recordJudgement(path, judgement, why, at);
    return judgement.verdict.kind === 'stalled';
  }
}

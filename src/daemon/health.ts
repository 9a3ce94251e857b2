/**
 * Watches the paths of active uplinks while MPTCP connections exist: link counters first, the sockets when a link
 * sends without receiving or stops receiving, and else once a second while data moves. The decisions are made in src/health/.
 */
import { destroySubflow } from '../netlink/destroy.ts';
import { dumpConnectionSockets, type ConnectionSocket, type SubflowSocket } from '../netlink/diag.ts';
import type { Requester } from '../netlink/connection.ts';
import { DecodeError } from '../netlink/attribute.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import { decide, type Decision } from '../health/decide.ts';
import { begin } from '../health/suspicion.ts';
import type { AnswerTime } from '../health/answer-time.ts';
import { mayBeSilent } from '../health/silence.ts';
import { pollPause } from '../health/poll-pause.ts';
import type { Path } from '../health/path.ts';
import type { Suspect } from '../snapshot/snapshot.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Plan } from '../plan/plan.ts';
import { JoinProbe } from './join-probe.ts';
import { SubflowTries } from './subflow-tries.ts';
import { Timers } from './timers.ts';
import { PathReader } from './path-reader.ts';
import { HealthPaths } from './health-paths.ts';
import { LostRetry } from './lost-retry.ts';

/** Milliseconds between two counts of the connections that depend on suspect uplinks. */
const REVIEW_MS = 1_000;

/** What is kept of the budget for data that waits, in milliseconds, when data has stopped arriving. */
const MIN_BUDGET_MS = 50;

export interface HealthParts {
  readonly route: Requester;
  /** NETLINK_SOCK_DIAG. */
  readonly diag: Requester;
  readonly clock: Clock;
  readonly log: Log;
  /** A suspicion began, changed its phase or ended. */
  readonly onChange: () => void;
}

export class Health {
  readonly #parts: HealthParts;
  readonly #timers: Timers;
  readonly #paths: HealthPaths;
  /** Tokens of open connections. */
  readonly #tokens = new Set<number>();
  readonly #reader: PathReader;
  readonly tries: SubflowTries;
  /** Opens lost subflows again. */
  readonly lost: LostRetry;
  readonly #probe: JoinProbe;
  #answerTime: AnswerTime | null;
  #polling = false;
  /** A connection waits on a stalled path, and has no other one that works. */
  #isStuck = false;
  #stopped = false;

  constructor(parts: HealthParts, answerTime: AnswerTime | null) {
    this.#parts = parts;
    this.#answerTime = answerTime;
    this.#timers = new Timers(parts.clock);
    this.#reader = new PathReader(parts);
    this.#paths = new HealthPaths(parts.clock);
    const reads = {
      sockets: (): Promise<SubflowSocket[] | null> => this.#sockets(),
      connections: (): Promise<ConnectionSocket[] | null> => this.#connections(),
      close: (socket: SubflowSocket): Promise<void> => this.#close(socket),
      onDead: (decision: Decision): Promise<void> => this.#suspect([decision]),
    };
    this.tries = new SubflowTries({ ...parts, ...reads });
    const shared = { ...parts, ...reads, paths: this.#paths, tries: this.tries };
    this.lost = new LostRetry(shared);
    this.#probe = new JoinProbe(shared);
  }

  /** By `lookupKey`. */
  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#paths.suspects;
  }

  /** `answerTime`: null switches detection off. */
  reload(answerTime: AnswerTime | null): void {
    this.#answerTime = answerTime;
    if (!answerTime) this.#forget();
    this.#schedule();
  }

  /** Takes note of an MPTCP event. */
  observe(event: MptcpEvent): void {
    const { kind, token, local } = event;
    if (token !== null && (kind === 'created' || kind === 'established')) this.#tokens.add(token);
    if (token !== null && kind === 'closed') this.#tokens.delete(token);
    if ((kind === 'subflow-established' || kind === 'established') && local) this.#onAnswer(local.address);
    if (kind === 'closed' && this.#tokens.size === 0) this.#forget();
    this.lost.observe(event);
    if (kind !== 'announced' && kind !== 'removed') this.#schedule();
  }

  /**
   * Reads which connections are open: at the start, and when events were lost. Those that fell back to TCP have no
   * events.
   */
  async recount(): Promise<void> {
    const sockets: readonly { readonly token: number; readonly fallback?: boolean }[] | null =
      (await this.#connections()) ?? (await this.#sockets());
    if (!sockets || this.#stopped) return;
    this.#tokens.clear();
    for (const { token, fallback } of sockets) if (!fallback) this.#tokens.add(token);
    if (this.#tokens.size === 0) this.#forget();
    this.#schedule();
  }

  /** Called after each pass. */
  follow(plan: Plan): void {
    if (this.#answerTime && this.#paths.follow(plan.uplinks)) this.#parts.onChange();
    this.#reader.follow(this.#paths.all);
    this.lost.follow();
    this.#probe.follow(this.tries.follow(plan));
    this.#schedule();
  }

  /** Ends all timers and closes the counters' files. */
  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
    this.tries.stop();
    this.lost.stop();
    this.#probe.stop();
    this.#reader.close();
  }

  /** Without a connection nothing is known about any path. */
  #forget(): void {
    if (this.#paths.endAll()) this.#parts.onChange();
  }

  #onAnswer(address: string): void {
    if (this.#paths.end((path) => path.address === address, 'answered')) this.#parts.onChange();
  }

  /**
   * Sets the timers. Without connections none is set; without a second path to which they can move, only that for lost
   * subflows.
   * @param pause milliseconds until the counters are read; 0: at once, unless a reading is planned
   */
  #schedule(pause = 0): void {
    const isOn = this.#answerTime && !this.#stopped && this.#tokens.size > 0;
    const due = isOn ? this.lost.next : null;
    if (due === null) this.#timers.cancel('lost');
    else
      this.#timers.set(
        'lost',
        Math.max(0, due - this.#parts.clock.now()),
        () => void this.lost.retry().then(() => this.#schedule()),
      );
    if (!isOn || !this.#paths.any) {
      this.#timers.cancel('poll');
      this.#timers.cancel('review');
      this.#timers.cancel('suspicion');
      return;
    }
    if (!this.#polling && (pause > 0 || !this.#timers.has('poll')))
      this.#timers.set('poll', pause, this.#onPoll);
    const next = this.#paths.next;
    if (next === null) this.#timers.cancel('suspicion');
    else this.#timers.set('suspicion', Math.max(0, next - this.#parts.clock.now()), () => this.#advance());
    if (this.#paths.anySuspect && !this.#timers.has('review'))
      this.#timers.set('review', REVIEW_MS, () => void this.#review());
  }

  #advance(): void {
    if (this.#paths.advance()) this.#parts.onChange();
    this.#schedule();
  }

  /** Counts again how many connections depend on suspect uplinks. */
  async #review(): Promise<void> {
    const sockets = await this.#sockets();
    if (sockets && !this.#stopped && this.#paths.review(sockets)) this.#parts.onChange();
    this.#schedule();
  }

  readonly #onPoll = (): void => {
    if (this.#reader.isQuiet(this.#paths.all, this.#answerTime!))
      this.#timers.set('poll', this.#pause(this.#answerTime!), this.#onPoll);
    else void this.#readPaths(this.#answerTime!);
  };

  #pause(answerTime: AnswerTime): number {
    return pollPause(this.#paths.all, this.#parts.clock.now(), answerTime);
  }

  async #readPaths(answerTime: AnswerTime): Promise<void> {
    this.#polling = true;
    try {
      const paths = this.#paths.all;
      if (await this.#reader.isAnyStalled(paths, answerTime)) await this.#confirm(answerTime);
      else {
        this.#isStuck = false;
        await this.#lookForSilence(paths, answerTime);
      }
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.#parts.log.debug(`the paths were not read: ${error.message}`);
    } finally {
      this.#polling = false;
    }
    this.#schedule(this.#pause(answerTime));
  }

  async #lookForSilence(paths: readonly Path[], answerTime: AnswerTime): Promise<void> {
    const now = this.#parts.clock.now();
    const silent = paths.find((path) => !path.suspicion && mayBeSilent(path, now, answerTime));
    if (!silent || this.#probe.isRunning || this.#reader.budget < MIN_BUDGET_MS) return;
    const sockets = await this.#sockets();
    if (sockets && !this.#stopped) await this.#probe.begin(silent, sockets, answerTime);
  }

  /** Reads all sockets once, because a connection may be moved only if it has another subflow that works. */
  async #confirm(answerTime: AnswerTime): Promise<void> {
    const sockets = await this.#reader.sockets();
    const now = this.#parts.clock.now();
    const { decisions, isStuck } = decide(this.#paths.all, sockets, now, answerTime);
    // A path that failed often waits to be tried again, and so does a lost subflow: now either may be the only one that
    // works.
    if (isStuck && !this.#isStuck) {
      this.lost.hasten();
      if (this.#paths.hasten()) this.#parts.onChange();
    }
    this.#isStuck = isStuck;
    await this.#suspect(decisions);
  }

  async #suspect(decisions: readonly Decision[]): Promise<void> {
    // It may have been switched off while sockets were read.
    if (!this.#answerTime || this.#stopped) return;
    for (const { path, dependants, movable, ...evidence } of decisions) {
      const kept = dependants > 0 || !this.#paths.isReplaced(path);
      path.suspicion = begin(path.past, { ...evidence, kept }, this.#parts.clock.now());
      this.#paths.update();
      if (kept) await Promise.all(movable.map((socket) => this.#close(socket)));
    }
    if (decisions.length === 0) return;
    // Some connections may have no other subflow, because theirs is lost and waits to be tried again.
    this.lost.hasten();
    this.#parts.onChange();
  }

  async #close(socket: SubflowSocket): Promise<void> {
    try {
      await destroySubflow(this.#parts.diag, socket);
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.#parts.log.debug(`a subflow was not closed: ${error.message}`);
    }
  }

  /** @returns null also if the kernel has no mptcp_diag */
  async #connections(): Promise<ConnectionSocket[] | null> {
    try {
      return await dumpConnectionSockets(this.#parts.diag);
    } catch (error) {
      if (!isExpected(error)) throw error;
      return null;
    }
  }

  async #sockets(): Promise<SubflowSocket[] | null> {
    try {
      return await this.#reader.sockets();
    } catch (error) {
      if (!isExpected(error)) throw error;
      return null;
    }
  }
}

/** Refusals, lost answers, and messages that are shorter than they claim: the next reading may succeed. */
const isExpected = (error: unknown): error is Error =>
  error instanceof NetlinkError || error instanceof DecodeError;

/**
 * Watches the paths of active uplinks while MPTCP connections exist: link counters first, and the sockets only when a
 * link sends without receiving. The decisions are made in src/health/.
 */
import { destroySubflow } from '../netlink/destroy.ts';
import { dumpConnectionSockets, isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { Requester } from '../netlink/connection.ts';
import { isExpected } from '../netlink/error.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import { decide, type Decision } from '../health/decide.ts';
import { begin } from '../health/suspicion.ts';
import type { AnswerTime } from '../health/answer-time.ts';
import { LostSubflows } from '../health/lost.ts';
import { recordVain } from '../health/look.ts';
import type { Path } from '../health/path.ts';
import type { Suspect } from '../snapshot/snapshot.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { Plan } from '../plan/plan.ts';
import { PathPoller } from './path-poller.ts';
import { PathSockets } from './path-sockets.ts';
import { Timers } from './timers.ts';
import { HealthPaths } from './health-paths.ts';

/** Milliseconds between two counts of the connections that depend on suspect uplinks. */
const REVIEW_MS = 1_000;

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
  readonly #sockets: PathSockets;
  readonly #paths: HealthPaths;
  /** Tokens of open connections. */
  readonly #tokens = new Set<number>();
  readonly #poller: PathPoller;
  readonly #lost = new LostSubflows();
  readonly #renewals = new Map<string, number>();
  #answerTime: AnswerTime | null;
  #stopped = false;

  constructor(parts: HealthParts, answerTime: AnswerTime | null) {
    this.#parts = parts;
    this.#answerTime = answerTime;
    this.#timers = new Timers(parts.clock);
    this.#paths = new HealthPaths(parts.clock);
    this.#sockets = new PathSockets(parts.diag, parts.clock);
    this.#poller = new PathPoller(parts, this.#paths, this.#sockets, (stalled) => this.#confirm(stalled));
    this.#poller.answerTime = answerTime;
  }

  /** By `lookupKey`. */
  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#paths.suspects;
  }

  /** Ids of endpoints to delete and add again, by `lookupKey`. */
  get renewals(): ReadonlyMap<string, number> {
    return this.#renewals;
  }

  /** `answerTime`: null switches detection off. */
  reload(answerTime: AnswerTime | null): void {
    this.#answerTime = answerTime;
    this.#poller.answerTime = answerTime;
    if (!answerTime) this.#forget();
    this.#schedule();
  }

  /** Takes note of an MPTCP event. */
  observe(event: MptcpEvent): void {
    const { kind, token, local } = event;
    if (token !== null && (kind === 'created' || kind === 'established')) this.#tokens.add(token);
    if (token !== null && kind === 'closed') this.#tokens.delete(token);
    if ((kind === 'subflow-established' || kind === 'established') && local) this.#onSubflow(local.address);
    if (kind === 'closed' && this.#tokens.size === 0) this.#forget();
    this.#lost.observe(event, this.#parts.clock.now());
    if (kind !== 'announced' && kind !== 'removed') this.#schedule();
  }

  /**
   * Reads which connections are open: at the start, and when events were lost. Those that fell back to TCP have no
   * events.
   */
  async recount(): Promise<void> {
    const sockets = await this.#connections();
    if (!sockets || this.#stopped) return;
    this.#tokens.clear();
    for (const { token, fallback } of sockets) if (!fallback) this.#tokens.add(token);
    for (const path of this.#paths.all) path.expectData(this.#parts.clock.now());
    if (this.#tokens.size === 0) this.#forget();
    this.#schedule();
  }

  /** Called after each pass. */
  follow(plan: Plan): void {
    if (this.#answerTime && this.#paths.follow(plan.uplinks)) this.#parts.onChange();
    this.#poller.follow();
    // The pass has renewed these endpoints, or has found a reason not to.
    this.#renewals.clear();
    this.#schedule();
  }

  /** Ends all timers and closes the counters' files. */
  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
    this.#poller.stop();
  }

  /** Without a connection nothing is known about any path. */
  #forget(): void {
    if (this.#paths.endAll()) this.#parts.onChange();
  }

  #onSubflow(address: string): void {
    for (const path of this.#paths.all)
      if (path.address === address) path.expectData(this.#parts.clock.now());
    if (this.#paths.end((path) => path.address === address, 'answered')) this.#parts.onChange();
  }

  /** Sets the timers. There is none without connections, or without a second path to move them to. */
  #schedule(): void {
    if (!this.#answerTime || this.#stopped || this.#tokens.size === 0 || !this.#paths.any) {
      this.#poller.pause();
      for (const name of ['review', 'lost', 'suspicion']) this.#timers.cancel(name);
      return;
    }
    this.#poller.schedule();
    const due = this.#lost.next;
    if (due === null) this.#timers.cancel('lost');
    else this.#timers.set('lost', Math.max(0, due - this.#parts.clock.now()), () => void this.#renewLost());
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

  /** Counts the connections that depend on suspect uplinks again. */
  async #review(): Promise<void> {
    const sockets = await this.#readAll();
    if (sockets && !this.#stopped && this.#paths.review(sockets)) this.#parts.onChange();
    this.#schedule();
  }

  /**
   * Asks for a new endpoint where a connection has lost its subflow. Does nothing while another connection has a
   * subflow there, which the deletion would close.
   */
  async #renewLost(): Promise<void> {
    const now = this.#parts.clock.now();
    const due = this.#lost.due(now);
    for (const lost of due) this.#lost.postpone(lost, now);
    const sockets = due.length > 0 ? await this.#readAll() : null;
    if (!sockets || this.#stopped) return this.#schedule();
    for (const { token, address } of due) {
      const own = sockets.filter((socket) => socket.token === token);
      const there = sockets.filter(({ local }) => local.address === address);
      if (!own.some(isCarrying) || there.some((socket) => socket.token === token)) {
        this.#lost.forget(token, address);
        continue;
      }
      const path = [...this.#paths.all].find((each) => each.address === address);
      if (path?.renewable !== undefined && !path.suspicion && there.length === 0)
        this.#renewals.set(path.key, path.renewable);
    }
    if (this.#renewals.size > 0) this.#parts.onChange();
    this.#schedule();
  }

  /** Reads all sockets once, because a connection may be moved only if it has another subflow that works. */
  async #confirm(stalled: readonly Path[]): Promise<void> {
    const { sockets, at: now } = await this.#sockets.readAll();
    if (!this.#answerTime) return;
    const decisions = decide(this.#paths.all, sockets, now, this.#answerTime);
    for (const decision of decisions) await this.#suspect(decision, now);
    for (const path of stalled) if (!path.suspicion) recordVain(path, now);
    if (decisions.length > 0) this.#parts.onChange();
  }

  async #suspect({ path, unanswered, peers, dependants, movable }: Decision, now: number): Promise<void> {
    const kept = dependants > 0 || !this.#paths.isReplaced(path);
    path.suspicion = begin(path.past, { unanswered, kept, peers }, now);
    this.#paths.update();
    if (!kept) return;
    await Promise.all(movable.map((socket) => this.#close(socket)));
  }

  async #close(socket: SubflowSocket): Promise<void> {
    try {
      await destroySubflow(this.#parts.diag, socket);
    } catch (error) {
      if (!isExpected(error)) throw error;
      this.#parts.log.debug(`a subflow was not closed: ${error.message}`);
    }
  }

  async #connections(): Promise<readonly { readonly token: number; readonly fallback?: boolean }[] | null> {
    try {
      return await dumpConnectionSockets(this.#parts.diag);
    } catch (error) {
      if (!isExpected(error)) throw error;
      // The kernel has no mptcp_diag.
      return this.#readAll();
    }
  }

  async #readAll(): Promise<readonly SubflowSocket[] | null> {
    try {
      return (await this.#sockets.readAll()).sockets;
    } catch (error) {
      if (!isExpected(error)) throw error;
      return null;
    }
  }
}

/**
 * Lets the kernel open one more subflow for some connections on an uplink on which others have theirs: a pass makes
 * the try (plan/retry.ts), and what it opened for other connections is closed again.
 */
import { DecodeError } from '../netlink/attribute.ts';
import type { Requester } from '../netlink/connection.ts';
import type { ConnectionSocket, SubflowSocket } from '../netlink/diag.ts';
import { NetlinkError } from '../netlink/error.ts';
import { addressFamily } from '../netlink/ip.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { askFib } from '../netlink/route/fib.ts';
import { findDuplicates } from '../health/duplicates.ts';
import type { Path } from '../health/path.ts';
import type { Plan } from '../plan/plan.ts';
import type { RetryObstacle } from '../plan/uplink.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { Timers } from './timers.ts';

/**
 * Milliseconds after a try and its answers until duplicates are closed: after most round-trip times, and after a SYN that
 * was lost.
 */
const DUPLICATES_MS = [500, 3_000];
/** Connections that may get one more subflow by a probe. */
const MAX_PROBED = 16;
/** A pass that was running when the try was set may not make it; the next one does, or has a reason not to. */
const PASSES = 2;

export interface TryParts {
  readonly route: Requester;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads the sockets of all subflows; null: the kernel refused it. */
  readonly sockets: () => Promise<readonly SubflowSocket[] | null>;
  /** Reads the sockets of all connections; null: the kernel refused it, or has no mptcp_diag. */
  readonly connections: () => Promise<readonly ConnectionSocket[] | null>;
  readonly close: (socket: SubflowSocket) => Promise<void>;
}

/** A try that a pass is to make. */
interface Try {
  readonly path: Path;
  /** How many subflows a connection may have in addition to its first meanwhile; null: as before. */
  readonly limit: number | null;
  /** Milliseconds in which an answer to its SYNs is awaited. */
  readonly answerTime: number;
  /** The sockets before the try. */
  readonly before: ReadonlySet<number>;
  /** Passes that did not make it. */
  readonly missed: number;
}

const isOn = ({ ifindex, family }: Path, endpoint: Endpoint): boolean =>
  ifindex === endpoint.ifindex && family === addressFamily(endpoint.address);

export class SubflowTries {
  readonly #parts: TryParts;
  readonly #timers: Timers;
  /** By `lookupKey`. */
  #pending: ReadonlyMap<string, Try> = new Map();
  /** Why the last try was not made, by address. */
  readonly #obstacles = new Map<string, RetryObstacle>();
  /** The sockets before the last try, by the key of its path. */
  readonly #before = new Map<string, ReadonlySet<number>>();
  #rounds = 0;
  #stopped = false;

  constructor(parts: TryParts) {
    this.#parts = parts;
    this.#timers = new Timers(parts.clock);
  }

  /** Limits of subflows with which endpoints are tried again, by `lookupKey`. */
  get retries(): ReadonlyMap<string, number | null> {
    return new Map([...this.#pending].map(([key, { limit }]) => [key, limit]));
  }

  /** Why the last try of this address was not made; null: it was. */
  obstacleOf(address: string): RetryObstacle | null {
    return this.#obstacles.get(address) ?? null;
  }

  /**
   * Sets a try for connections that lack a subflow there, with the lowest limit that lets one of them have one more. The
   * kernel knows how many it has: one that is closing is no longer counted, and a first one that was opened again is.
   * @returns whether it is set
   */
  async complete(
    path: Path,
    tokens: ReadonlySet<number>,
    sockets: readonly SubflowSocket[],
  ): Promise<boolean> {
    const all = (await this.#parts.connections()) ?? [];
    const connections = all.filter(({ token }) => tokens.has(token));
    const fewest = Math.min(...connections.map(({ extraSubflows }) => extraSubflows));
    const fitting = connections.find(({ extraSubflows }) => extraSubflows === fewest);
    return (
      fitting !== undefined &&
      this.#set({ path, limit: fewest + 1, answerTime: 0 }, fitting.remote.address, sockets)
    );
  }

  /**
   * Sets a try that shows whether the path works. Each connection gets a subflow more, which is closed again, so it is
   * not set if there are many. The limit stays, because a connection that is opened while it is low lacks subflows for
   * good. Clients of this host would refuse the subflow.
   * @param answerTime milliseconds in which the path should answer; the subflow is closed later
   * @returns whether it is set
   */
  async probe(
    path: Path,
    token: number,
    sockets: readonly SubflowSocket[],
    answerTime: number,
  ): Promise<boolean> {
    const tokens = new Set(sockets.map((socket) => socket.token));
    if (tokens.size > MAX_PROBED || !sockets.every(({ opened }) => opened)) return false;
    const remote = sockets.find((socket) => socket.token === token)?.remote.address;
    return remote !== undefined && this.#set({ path, limit: null, answerTime }, remote, sockets);
  }

  /** `remote`: the address of a peer. */
  async #set(
    wanted: Pick<Try, 'path' | 'limit' | 'answerTime'>,
    remote: string,
    sockets: readonly SubflowSocket[],
  ): Promise<boolean> {
    if (!(await this.#isSource(wanted.path, remote)) || this.#stopped) return false;
    const before = new Set(sockets.map(({ cookie }) => cookie));
    this.#pending = new Map([...this.#pending, [wanted.path.key, { ...wanted, before, missed: 0 }]]);
    return true;
  }

  /** Called after each pass. @returns the paths of the tries that it made */
  follow({ actions, retryObstacle }: Plan): readonly Path[] {
    const made = new Set<Try>();
    for (const action of actions)
      if (action.kind === 'endpoint try')
        for (const each of this.#pending.values()) if (isOn(each.path, action.endpoint)) made.add(each);
    const left = [...this.#pending].flatMap(([key, each]): [string, Try][] => {
      if (made.has(each)) {
        this.#obstacles.delete(each.path.address);
        return [];
      }
      // A pass makes one try; others wait for the next pass.
      const missed = each.missed + (made.size > 0 ? 0 : 1);
      if (missed < PASSES) return [[key, { ...each, missed }]];
      if (retryObstacle) this.#obstacles.set(each.path.address, retryObstacle);
      return [];
    });
    this.#pending = new Map(left);
    for (const { path, before } of made) this.#before.set(path.key, before);
    const awaited = Math.max(0, ...[...made].map(({ answerTime }) => answerTime));
    const close = (): void => void this.#closeDuplicates([...made]);
    const forget = (): void => this.#forget([...made]);
    if (made.size > 0)
      for (const after of DUPLICATES_MS)
        this.#timers.set(`duplicates ${this.#rounds++}`, awaited + after, close);
    if (made.size > 0)
      this.#timers.set(`forget ${this.#rounds++}`, awaited + DUPLICATES_MS.at(-1)! + 1, forget);
    return [...made].map(({ path }) => path);
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
  }

  /** Whether the kernel would choose the path's address for a packet through its link. */
  async #isSource({ family, ifindex, address }: Path, destination: string): Promise<boolean> {
    const { route, log } = this.#parts;
    try {
      const answer = await askFib(route, { family, destination, ifindex, resolved: true });
      if ('route' in answer && answer.route.preferredSource === address) return true;
      this.#obstacles.set(address, 'other-source');
      log.debug(`no further subflow of ${address}: the link has another source for ${destination}`);
    } catch (error) {
      if (!(error instanceof NetlinkError || error instanceof DecodeError)) throw error;
      log.debug(`no further subflow of ${address}: ${error.message}`);
    }
    return false;
  }

  /** A later try of the same path is kept. */
  #forget(tries: readonly Try[]): void {
    for (const { path, before } of tries)
      if (this.#before.get(path.key) === before) this.#before.delete(path.key);
  }

  async #closeDuplicates(tries: readonly Try[]): Promise<void> {
    const sockets = await this.#parts.sockets();
    if (!sockets || this.#stopped) return;
    const found = tries.flatMap(({ path, before }) => {
      const last = this.#before.get(path.key) ?? before;
      // What a later try has opened is closed by that one.
      return findDuplicates(path.address, sockets, before).filter(
        ({ cookie }) => last === before || last.has(cookie),
      );
    });
    await Promise.all(found.map((socket) => this.#parts.close(socket)));
  }
}

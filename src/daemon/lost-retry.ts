/**
 * Opens subflows again that ended by an error while their connection stays open. If no other connection has a subflow
 * on that uplink, its endpoint is deleted and added again; otherwise it is tried again beside them (plan/retry.ts).
 */
import { DecodeError } from '../netlink/attribute.ts';
import type { Requester } from '../netlink/connection.ts';
import { isCarrying, type ConnectionSocket, type SubflowSocket } from '../netlink/diag.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import { askFib } from '../netlink/route/fib.ts';
import { findDuplicates } from '../health/duplicates.ts';
import { LostSubflows, type Lost } from '../health/lost.ts';
import type { Path } from '../health/path.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { HealthPaths } from './health-paths.ts';
import { Timers } from './timers.ts';

/** Milliseconds after a try until duplicates are closed: most round-trip times are shorter. */
const DUPLICATES_MS = 500;

interface Parts {
  readonly route: Requester;
  readonly clock: Clock;
  readonly log: Log;
  readonly paths: HealthPaths;
  /** Reads the sockets of all subflows; null: the kernel refused it. */
  readonly sockets: () => Promise<readonly SubflowSocket[] | null>;
  /** Reads the sockets of all connections; null: the kernel refused it, or has no mptcp_diag. */
  readonly connections: () => Promise<readonly ConnectionSocket[] | null>;
  readonly close: (socket: SubflowSocket) => Promise<void>;
  /** `renewals` or `retries` has an entry. */
  readonly onChange: () => void;
}

/** A try that a pass makes. */
interface Try {
  readonly address: string;
  /** The connections that lack a subflow. */
  readonly tokens: ReadonlySet<number>;
  /** The sockets before the try. */
  readonly before: ReadonlySet<number>;
}

export class LostRetry {
  readonly #parts: Parts;
  readonly #timers: Timers;
  readonly #lost = new LostSubflows();
  readonly #renewals = new Map<string, number>();
  readonly #retries = new Map<string, number>();
  #tries: Try[] = [];
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#timers = new Timers(parts.clock);
  }

  /** When a subflow is tried next; null: none is. */
  get next(): number | null {
    return this.#lost.next;
  }

  /** Ids of endpoints to delete and add again, by `lookupKey`. */
  get renewals(): ReadonlyMap<string, number> {
    return this.#renewals;
  }

  /** Limits of subflows with which endpoints are tried again, by `lookupKey`. */
  get retries(): ReadonlyMap<string, number> {
    return this.#retries;
  }

  observe(event: MptcpEvent): void {
    this.#lost.observe(event, this.#parts.clock.now());
  }

  /** Called after each pass: it has made the tries, or has found a reason not to. */
  follow(): void {
    this.#renewals.clear();
    this.#retries.clear();
    const tries = this.#tries;
    this.#tries = [];
    if (tries.length > 0)
      this.#timers.set('duplicates', DUPLICATES_MS, () => void this.#closeDuplicates(tries));
  }

  /** Tries the subflows that are due. */
  async retry(): Promise<void> {
    const { clock, sockets: read, paths, onChange } = this.#parts;
    const now = clock.now();
    const due = this.#lost.due(now);
    for (const lost of due) this.#lost.postpone(lost, now);
    const sockets = due.length > 0 ? await read() : null;
    if (!sockets || this.#stopped) return;
    for (const path of paths.all) {
      const lacking = due.filter((lost) => lost.address === path.address && this.#isLacking(lost, sockets));
      if (lacking.length === 0 || path.renewable === undefined || path.suspicion) continue;
      if (!sockets.some(({ local }) => local.address === path.address))
        this.#renewals.set(path.key, path.renewable);
      else await this.#tryBeside(path, lacking, sockets);
    }
    if (!this.#stopped && this.#renewals.size + this.#retries.size > 0) onChange();
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
  }

  /** Forgets the subflow if its connection has ended or has it again. */
  #isLacking({ token, address }: Lost, sockets: readonly SubflowSocket[]): boolean {
    const own = sockets.filter((socket) => socket.token === token);
    if (own.some(isCarrying) && !own.some(({ local }) => local.address === address)) return true;
    this.#lost.forget(token, address);
    return false;
  }

  /**
   * With the lowest limit that lets one of the connections have one more; others follow at their next try. The kernel
   * knows how many it has: one that is closing is no longer counted, and a first one that was opened again is.
   */
  async #tryBeside(path: Path, lacking: readonly Lost[], sockets: readonly SubflowSocket[]): Promise<void> {
    const own = new Set(lacking.map(({ token }) => token));
    const connections = (await this.#parts.connections())?.filter(({ token }) => own.has(token)) ?? [];
    const fewest = Math.min(...connections.map(({ extraSubflows }) => extraSubflows));
    const fitting = connections.filter(({ extraSubflows }) => extraSubflows === fewest);
    const tokens = new Set(fitting.map(({ token }) => token));
    const remote = sockets.find(({ token }) => tokens.has(token))?.remote.address;
    if (remote === undefined || !(await this.#isSource(path, remote))) return;
    this.#retries.set(path.key, fewest + 1);
    const before = new Set(sockets.map(({ cookie }) => cookie));
    this.#tries.push({ address: path.address, tokens, before });
  }

  /** Whether the kernel would choose the path's address for a packet through its link. */
  async #isSource({ family, ifindex, address }: Path, destination: string): Promise<boolean> {
    const { route, log } = this.#parts;
    try {
      const answer = await askFib(route, { family, destination, ifindex, resolved: true });
      if ('route' in answer && answer.route.preferredSource === address) return true;
      log.debug(
        `a lost subflow of ${address} is not opened again: the link has another source for ${destination}`,
      );
    } catch (error) {
      if (!(error instanceof NetlinkError || error instanceof DecodeError)) throw error;
      log.debug(`a lost subflow of ${address} is not opened again: ${error.message}`);
    }
    return false;
  }

  async #closeDuplicates(tries: readonly Try[]): Promise<void> {
    const sockets = await this.#parts.sockets();
    if (!sockets || this.#stopped) return;
    const found = tries.flatMap(({ address, tokens, before }) =>
      findDuplicates(address, sockets, { tokens, before }),
    );
    await Promise.all(found.map((socket) => this.#parts.close(socket)));
  }
}

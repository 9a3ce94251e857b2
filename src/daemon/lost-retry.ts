/**
 * Opens subflows again that ended by an error while their connection stays open, and further ones of connections that
 * have none left. If no other connection has a subflow on that uplink, its endpoint is deleted and added again;
 * otherwise it is tried again beside them (plan/retry.ts).
 */
import { isCarrying, type ConnectionSocket, type SubflowSocket } from '../netlink/diag.ts';
import { addressFamily } from '../netlink/ip.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import { SubflowlessConnections } from '../health/subflowless.ts';
import { LostSubflows, type Lost } from '../health/lost.ts';
import type { RetryObstacle } from '../plan/uplink.ts';
import type { Clock } from '../system/clock.ts';
import type { Path } from '../health/path.ts';
import type { HealthPaths } from './health-paths.ts';
import type { SubflowTries } from './subflow-tries.ts';

interface Parts {
  readonly clock: Clock;
  readonly paths: HealthPaths;
  readonly tries: SubflowTries;
  /** Reads the sockets of all subflows; null: the kernel refused it. */
  readonly sockets: () => Promise<readonly SubflowSocket[] | null>;
  /** Reads the sockets of all connections; null: the kernel refused it, or has no mptcp_diag. */
  readonly connections: () => Promise<readonly ConnectionSocket[] | null>;
  /** There is a renewal or a try. */
  readonly onChange: () => void;
}

export class LostRetry {
  readonly #parts: Parts;
  readonly #lost = new LostSubflows();
  readonly #subflowless = new SubflowlessConnections();
  readonly #renewals = new Map<string, number>();
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** When a subflow is tried next; null: none is. */
  get next(): number | null {
    const times = [this.#lost.next ?? [], this.#subflowless.next ?? []].flat();
    return times.length > 0 ? Math.min(...times) : null;
  }

  /** Ids of endpoints to delete and add again, by `lookupKey`. */
  get renewals(): ReadonlyMap<string, number> {
    return this.#renewals;
  }

  /** Why subflows lost on an address are not opened again, by address. */
  get obstacles(): ReadonlyMap<string, RetryObstacle> {
    return new Map(
      [...this.#lost.lacking].flatMap(([address, { refused }]): [string, RetryObstacle][] => {
        const obstacle = refused ? 'refused' : this.#parts.tries.obstacleOf(address);
        return obstacle ? [[address, obstacle]] : [];
      }),
    );
  }

  observe(event: MptcpEvent): void {
    const now = this.#parts.clock.now();
    this.#lost.observe(event, now);
    this.#subflowless.observe(event, now);
  }

  /** A path has died: a connection may have no other one until its lost subflow is open again. */
  hasten(): void {
    this.#lost.hasten(this.#parts.clock.now());
  }

  /** Called after each pass: it has made the renewals, or has found a reason not to. */
  follow(): void {
    this.#renewals.clear();
  }

  /** Tries the subflows that are due. */
  async retry(): Promise<void> {
    const { clock, sockets: read, paths, onChange } = this.#parts;
    const now = clock.now();
    const due = this.#lost.due(now);
    for (const lost of due) this.#lost.postpone(lost, now);
    const looked = this.#subflowless.take(now);
    const sockets = due.length + looked.length > 0 ? await read() : null;
    if (!sockets || this.#stopped) return;
    const carrying = new Set(sockets.filter(isCarrying).map(({ token }) => token));
    const subflowless = await this.#subflowlessOf(looked, carrying);
    if (this.#stopped) return;
    let isSet = subflowless.length > 0 && paths.hasten();
    const lacking = due.filter((lost) => this.#isLacking(lost, sockets, carrying));
    for (const path of paths.joinable) {
      if (path.renewable === undefined || path.suspicion) continue;
      const lost = lacking.filter(({ address }) => address === path.address).map(({ token }) => token);
      const none = subflowless.filter((each) => this.#mayJoin(each, path)).map(({ token }) => token);
      if (lost.length + none.length === 0) continue;
      const isFree = !sockets.some(({ local }) => local.address === path.address);
      // Without a subflow the kernel cannot yet tell the peer that the address is removed. It would do so by the new
      // subflow, which the peer would then close.
      const mayDelete = none.length === 0 || this.#parts.tries.obstacleOf(path.address) !== null;
      if (isFree && mayDelete) this.#renewals.set(path.key, path.renewable);
      else isSet = (await this.#parts.tries.complete(path, new Set([...lost, ...none]), sockets)) || isSet;
    }
    if (!this.#stopped && (isSet || this.#renewals.size > 0)) onChange();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Of these connections, those that are open and have no subflow; the others are not looked at again. */
  async #subflowlessOf(
    tokens: readonly number[],
    carrying: ReadonlySet<number>,
  ): Promise<readonly ConnectionSocket[]> {
    const doubtful = tokens.filter((token) => !carrying.has(token));
    const connections = doubtful.length > 0 ? ((await this.#parts.connections()) ?? []) : [];
    const subflowless = connections.filter(
      (each) => doubtful.includes(each.token) && isCarrying(each) && !each.fallback,
    );
    const found = new Set(subflowless.map(({ token }) => token));
    for (const token of tokens) if (!found.has(token)) this.#subflowless.forget(token);
    return subflowless;
  }

  /** Whether a connection without a subflow may have one on this path. */
  readonly #mayJoin = ({ token, remote }: ConnectionSocket, { family, address }: Path): boolean =>
    addressFamily(remote.address) === family && !this.#lost.isRefused(token, address);

  /** Forgets the subflow if its connection has ended or has it again. One that has no subflow is tried on all paths. */
  #isLacking(
    { token, address }: Lost,
    sockets: readonly SubflowSocket[],
    carrying: ReadonlySet<number>,
  ): boolean {
    const hasIt = sockets.some((socket) => socket.token === token && socket.local.address === address);
    if (carrying.has(token) && !hasIt) return true;
    if (hasIt || !this.#subflowless.has(token)) this.#lost.forget(token, address);
    return false;
  }
}

/**
 * Opens subflows again that ended by an error while their connection stays open. If no other connection has a subflow
 * on that uplink, its endpoint is deleted and added again; otherwise it is tried again beside them (plan/retry.ts).
 */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import { LostSubflows, type Lost } from '../health/lost.ts';
import type { RetryObstacle } from '../plan/uplink.ts';
import type { Clock } from '../system/clock.ts';
import type { HealthPaths } from './health-paths.ts';
import type { SubflowTries } from './subflow-tries.ts';

interface Parts {
  readonly clock: Clock;
  readonly paths: HealthPaths;
  readonly tries: SubflowTries;
  /** Reads the sockets of all subflows; null: the kernel refused it. */
  readonly sockets: () => Promise<readonly SubflowSocket[] | null>;
  /** There is a renewal or a try. */
  readonly onChange: () => void;
}

export class LostRetry {
  readonly #parts: Parts;
  readonly #lost = new LostSubflows();
  readonly #renewals = new Map<string, number>();
  #stopped = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** When a subflow is tried next; null: none is. */
  get next(): number | null {
    return this.#lost.next;
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
    this.#lost.observe(event, this.#parts.clock.now());
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
    const sockets = due.length > 0 ? await read() : null;
    if (!sockets || this.#stopped) return;
    let isSet = false;
    for (const path of paths.all) {
      const lacking = due.filter((lost) => lost.address === path.address && this.#isLacking(lost, sockets));
      if (lacking.length === 0 || path.renewable === undefined || path.suspicion) continue;
      if (!sockets.some(({ local }) => local.address === path.address))
        this.#renewals.set(path.key, path.renewable);
      else {
        const tokens = new Set(lacking.map(({ token }) => token));
        isSet = (await this.#parts.tries.complete(path, tokens, sockets)) || isSet;
      }
    }
    if (!this.#stopped && (isSet || this.#renewals.size > 0)) onChange();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Forgets the subflow if its connection has ended or has it again. */
  #isLacking({ token, address }: Lost, sockets: readonly SubflowSocket[]): boolean {
    const own = sockets.filter((socket) => socket.token === token);
    if (own.some(isCarrying) && !own.some(({ local }) => local.address === address)) return true;
    this.#lost.forget(token, address);
    return false;
  }
}

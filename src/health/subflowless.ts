/**
 * Connections that may have lost all of their subflows, and when to look at each. The kernel closes such a connection
 * after net.mptcp.close_timeout (60 s). Only connections that this host opened. Times are in milliseconds by the clock.
 */
import type { MptcpEvent } from '../netlink/mptcp/event.ts';

interface Look {
  readonly dueAt: number;
  readonly looks: number;
}

/** After a subflow has closed: its connection waits, and events of others come together. */
const FIRST_MS = 100;
const NEXT_MS = 1_000;
const LONGEST_MS = 8_000;
/** How many connections are remembered. */
const MAX_CONNECTIONS = 1_024;

export class SubflowlessConnections {
  /** By token. */
  readonly #looks = new Map<number, Look>();

  /** When the first one is to be looked at; null: none. */
  get next(): number | null {
    const times = [...this.#looks.values()].map(({ dueAt }) => dueAt);
    return times.length ? Math.min(...times) : null;
  }

  /** Takes note of an event. */
  observe({ kind, token, serverSide }: MptcpEvent, now: number): void {
    if (token === null) return;
    if (kind === 'closed') this.#looks.delete(token);
    if (kind !== 'subflow-closed' || serverSide || this.#looks.has(token)) return;
    this.#looks.set(token, { dueAt: now + FIRST_MS, looks: 0 });
    if (this.#looks.size > MAX_CONNECTIONS) this.#looks.delete(this.#looks.keys().next().value!);
  }

  /** Tokens of the connections to look at now; each is looked at again later, unless it is forgotten. */
  take(now: number): number[] {
    const due = [...this.#looks].filter(([, { dueAt }]) => dueAt <= now);
    for (const [token, { looks }] of due)
      this.#looks.set(token, {
        dueAt: now + Math.min(LONGEST_MS, NEXT_MS * 2 ** looks),
        looks: looks + 1,
      });
    return due.map(([token]) => token);
  }

  has(token: number): boolean {
    return this.#looks.has(token);
  }

  /** The connection has a subflow, or has ended. */
  forget(token: number): void {
    this.#looks.delete(token);
  }
}

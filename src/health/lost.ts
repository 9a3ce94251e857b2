/**
 * Subflows that ended by an error while their connection stays open, and when to try each again: the kernel does not
 * re-establish them. Only connections that this host opened. Times are in milliseconds by the clock.
 */
import { constants } from 'node:os';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';

export interface Lost {
  readonly token: number;
  /** The local address. */
  readonly address: string;
  readonly tries: number;
  /** How often the peer refused it (ECONNREFUSED). */
  readonly refusals: number;
  /** When it is tried next; null: it is established again, or was refused too often. */
  readonly dueAt: number | null;
  /** When it was established again; null: it is not. */
  readonly establishedAt: number | null;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;
/** If a subflow stayed established for this long, its tries are counted from zero again. */
const FORGET_MS = 60_000;
/** A server that refuses subflows has usually closed its listener. */
const MAX_REFUSALS = 2;
/** How many subflows are remembered. */
const MAX_LOST = 1_024;

const { ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED } = constants.errno;
/** Errors after which the same path may work: a NAT that lost its state, a lost SYN, a router that restarted. */
const RETRIED = new Set([ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED]);

export class LostSubflows {
  readonly #lost = new Map<string, Lost>();

  /** When the first one is to be tried; null: none. */
  get next(): number | null {
    const times = [...this.#lost.values()].flatMap(({ dueAt }) => dueAt ?? []);
    return times.length ? Math.min(...times) : null;
  }

  /** Takes note of an event. */
  observe({ kind, token, local, error, serverSide }: MptcpEvent, now: number): void {
    if (token === null) return;
    if (kind === 'closed') this.forget(token);
    if (!local || serverSide) return;
    const key = `${token} ${local.address}`;
    const known = this.#lost.get(key);
    if (kind === 'subflow-established' && known)
      this.#lost.set(key, { ...known, dueAt: null, establishedAt: now });
    // Without an error it was closed on purpose.
    if (kind !== 'subflow-closed' || error === null || !RETRIED.has(error)) return;
    const lasted = known?.establishedAt === null ? 0 : now - (known?.establishedAt ?? -Infinity);
    const tries = lasted >= FORGET_MS ? 0 : (known?.tries ?? 0);
    const refusals = (known?.refusals ?? 0) + (error === ECONNREFUSED ? 1 : 0);
    const dueAt = refusals >= MAX_REFUSALS ? null : now + pauseAfter(tries);
    this.#lost.delete(key);
    this.#lost.set(key, { token, address: local.address, tries, refusals, dueAt, establishedAt: null });
    if (this.#lost.size > MAX_LOST) this.#lost.delete(this.#lost.keys().next().value!);
  }

  /** Subflows to try now. */
  due(now: number): Lost[] {
    return [...this.#lost.values()].filter(({ dueAt }) => dueAt !== null && dueAt <= now);
  }

  /** Makes all tries due now: their connections may need them. Those that were refused too often stay as they are. */
  hasten(now: number): void {
    for (const [key, lost] of this.#lost)
      if (lost.dueAt !== null && lost.dueAt > now) this.#lost.set(key, { ...lost, dueAt: now });
  }

  /** By address: whether all subflows lost there and not established again were refused too often. */
  get lacking(): ReadonlyMap<string, { readonly refused: boolean }> {
    const found = new Map<string, { readonly refused: boolean }>();
    for (const { address, dueAt, establishedAt } of this.#lost.values()) {
      if (establishedAt !== null) continue;
      const refused = dueAt === null && (found.get(address)?.refused ?? true);
      found.set(address, { refused });
    }
    return found;
  }

  /** Whether the peer has refused the subflow too often. */
  isRefused(token: number, address: string): boolean {
    return (this.#lost.get(`${token} ${address}`)?.refusals ?? 0) >= MAX_REFUSALS;
  }

  /** Sets the next try, after a try or when none was possible. */
  postpone({ token, address, ...lost }: Lost, now: number): void {
    const tries = lost.tries + 1;
    this.#lost.set(`${token} ${address}`, {
      ...{ token, address, ...lost, tries },
      dueAt: now + pauseAfter(tries),
    });
  }

  /** Forgets the subflows of a connection. `address`: only the one from this address; omitted: all. */
  forget(token: number, address?: string): void {
    for (const [key, lost] of this.#lost)
      if (lost.token === token && (address === undefined || lost.address === address)) this.#lost.delete(key);
  }
}

const pauseAfter = (tries: number): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);

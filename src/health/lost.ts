/**
 * Subflows that ended by an error while their connection lives on. The kernel never makes one again by itself; this
 * keeps when each is to be tried. Times in milliseconds by the clock.
 */
import { constants } from 'node:os';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';

export interface Lost {
  readonly token: number;
  /** The local address. */
  readonly address: string;
  readonly tries: number;
  readonly refusals: number;
  /** null: it is established again. */
  readonly dueAt: number | null;
  readonly establishedAt: number | null;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 300_000;
/** A subflow that lives this long begins anew. */
const FORGET_MS = 60_000;
/** A server that refuses subflows has usually closed its listener. */
const MOST_REFUSALS = 2;
const MOST = 1_024;

const { ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED } = constants.errno;
/** Errors after which the same path may work: a NAT that forgot, a lost SYN, a router that was away. */
const RETRIED = new Set([ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ECONNREFUSED]);

export class LostSubflows {
  readonly #lost = new Map<string, Lost>();

  /** When the first one is to be tried; null: none. */
  get next(): number | null {
    const times = [...this.#lost.values()].flatMap(({ dueAt }) => dueAt ?? []);
    return times.length ? Math.min(...times) : null;
  }

  see({ kind, token, local, error, serverSide }: MptcpEvent, now: number): void {
    if (token === null) return;
    if (kind === 'closed') this.end(token);
    if (!local || serverSide) return;
    const key = `${token} ${local.address}`;
    const known = this.#lost.get(key);
    if (kind === 'subflow-established' && known)
      this.#lost.set(key, { ...known, dueAt: null, establishedAt: now });
    // Without an error it was closed on purpose.
    if (kind !== 'subflow-closed' || error === null || !RETRIED.has(error)) return;
    const lived = known?.establishedAt === null ? 0 : now - (known?.establishedAt ?? -Infinity);
    const tries = lived >= FORGET_MS ? 0 : (known?.tries ?? 0);
    const refusals = (known?.refusals ?? 0) + (error === ECONNREFUSED ? 1 : 0);
    const dueAt = refusals >= MOST_REFUSALS ? null : now + pauseAfter(tries);
    this.#lost.delete(key);
    this.#lost.set(key, { token, address: local.address, tries, refusals, dueAt, establishedAt: null });
    if (this.#lost.size > MOST) this.#lost.delete(this.#lost.keys().next().value!);
  }

  due(now: number): Lost[] {
    return [...this.#lost.values()].filter(({ dueAt }) => dueAt !== null && dueAt <= now);
  }

  /** It was tried, or could not be: the next try is later. */
  tried({ token, address, ...lost }: Lost, now: number): void {
    const tries = lost.tries + 1;
    this.#lost.set(`${token} ${address}`, {
      ...{ token, address, ...lost, tries },
      dueAt: now + pauseAfter(tries),
    });
  }

  /** The connection has ended, or has a subflow there. `address`: omitted: all addresses. */
  end(token: number, address?: string): void {
    for (const [key, lost] of this.#lost)
      if (lost.token === token && (address === undefined || lost.address === address)) this.#lost.delete(key);
  }
}

const pauseAfter = (tries: number): number => Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);

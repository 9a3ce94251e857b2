/** One watched path, and what is known of it. */
import { inNetwork } from '../netlink/ip.ts';
import type { Family } from '../netlink/ip.ts';
import type { SubflowSocket } from '../netlink/diag.ts';
import { end, type Suspicion, type PastSuspicion } from './suspicion.ts';
import type { Gauge } from './gauge.ts';
import type { Waits } from './judge.ts';

/** If the path answers within this time, the suspicion was wrong: the peers had failed, not the path. */
const FALSE_ALARM_MS = 500;
/** For how long the sockets of such a peer are then ignored. */
const DISTRUST_MS = 60_000;

/**
 * Why a suspicion ends. `answered`: something arrived on the path; `unknown`: nothing is known of the path any more.
 */
export type SuspicionEnd = 'answered' | 'unknown';

export class Path {
  readonly key: string;
  readonly family: Family;
  readonly ifindex: number;
  /** Of the interface, which may be renamed. */
  name = '';
  readonly address: string;
  readonly #prefixLength: number;
  gauge: Gauge | null = null;
  /** When the counters of its link are read next, in milliseconds by the clock. */
  nextLookAt = 0;
  /** Subflows that moved data last, which are read in place of all. */
  sample: readonly SubflowSocket[] = [];
  /** When all of its sockets were read last, in milliseconds by the clock. */
  listedAt = -Infinity;
  /** Milliseconds until they may be read again while the link receives. */
  listPause = 0;
  waits: Waits = new Map();
  /** When its sockets may be read again, in milliseconds by the clock. */
  nextReadAt = 0;
  /** When its sockets were last read. */
  lastReadAt = -Infinity;
  /** Milliseconds. Grows while the link sends without receiving and no socket of the path waits for an answer. */
  idlePause = 0;
  /** Milliseconds. Grows while the path is silent and no connection on it can be helped. */
  vainPause = 0;
  /** When data of MPTCP last moved, in milliseconds by the clock; -Infinity: it has no subflow; null: not read yet. */
  movedAt: number | null = null;
  /** The shortest round-trip time of its subflows in milliseconds; null: not known. */
  rtt: number | null = null;
  /** The shortest time in milliseconds after which an answer is overdue; null: not known. */
  limit: number | null = null;
  /** When it last lost segments although it works, in milliseconds by the clock. */
  lostAt = -Infinity;
  /** Data waited for an answer when its sockets were last read. */
  waiting = false;
  suspicion: Suspicion | null = null;
  past: PastSuspicion | null = null;
  /** Its endpoint is in place. */
  present = true;
  /** Connections that have no subflow on another path that answers. */
  dependants = 0;
  /** Id of its endpoint, if the kernel makes subflows by itself when that endpoint is added; otherwise undefined. */
  renewable: number | undefined = undefined;
  /** Peers that stopped answering while the path worked, and until when their sockets are ignored. */
  readonly #distrusted = new Map<string, number>();

  constructor(key: string, family: Family, ifindex: number, address: string, prefixLength: number) {
    [this.key, this.family, this.ifindex, this.address] = [key, family, ifindex, address];
    this.#prefixLength = prefixLength;
  }

  /** The subflows that show whether the path works. A peer in the address's own subnet does not use the gateway. */
  select(sockets: readonly SubflowSocket[], now: number): SubflowSocket[] {
    for (const [peer, until] of this.#distrusted) if (until < now) this.#distrusted.delete(peer);
    return sockets.filter(
      ({ local, remote }) =>
        local.address === this.address &&
        !this.#distrusted.has(remote.address) &&
        !inNetwork(remote.address, this.address, this.#prefixLength),
    );
  }

  /** A subflow was opened: its data may move now. `now`: milliseconds by the clock. */
  expectData(now: number): void {
    this.movedAt = null;
    this.listPause = 0;
    if (this.gauge) this.gauge = { ...this.gauge, movedAt: now };
    this.nextLookAt = Math.min(this.nextLookAt, now);
  }

  /** Ends the suspicion, if there is one. `now`: milliseconds by the clock. */
  endSuspicion(now: number, why: SuspicionEnd): void {
    const { suspicion } = this;
    if (!suspicion) return;
    if (why === 'answered' && now - suspicion.began < FALSE_ALARM_MS)
      for (const peer of suspicion.peers) this.#distrusted.set(peer, now + DISTRUST_MS);
    this.past = end(suspicion, now);
    this.suspicion = null;
    this.waits = new Map();
    this.waiting = false;
    this.dependants = 0;
  }
}

/** How long a path that lost segments counts as lossy. */
const LOSSY_MS = 30_000;

/** Whether segments were lost lately on a path that works. */
export const isLossy = ({ lostAt }: Path, now: number): boolean => now - lostAt < LOSSY_MS;

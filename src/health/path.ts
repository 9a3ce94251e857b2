/** One watched path, and when its sockets are worth reading. */
import { inNetwork } from '../netlink/ip.ts';
import type { Family } from '../netlink/ip.ts';
import type { SubflowSocket } from '../netlink/diag.ts';
import { end, type Doubt, type Past } from './doubt.ts';
import type { Gauge } from './gauge.ts';
import type { Judgement, Waits } from './judge.ts';

/** Milliseconds. */
const FALSE_ALARM_MS = 500;
const DISTRUST_MS = 60_000;

export class Path {
  readonly key: string;
  readonly family: Family;
  readonly ifindex: number;
  /** Of the interface; it may be renamed. */
  name = '';
  readonly address: string;
  readonly #prefixLength: number;
  gauge: Gauge | null = null;
  waits: Waits = new Map();
  /** When its sockets may be read again, in milliseconds by the clock. */
  askAt = 0;
  /** When its sockets were read last. */
  askedAt = -Infinity;
  /** Grows while its sockets show no reason for a link that sends without receiving. */
  idlePause = 0;
  /** When data of MPTCP last moved; null: not known yet. */
  movedAt: number | null = null;
  rtt: number | null = null;
  /** When it was last seen to lose segments although it works, in milliseconds by the clock. */
  lostAt = -Infinity;
  /** Data waited for an answer when its sockets were read last. */
  waiting = false;
  doubt: Doubt | null = null;
  past: Past | null = null;
  /** Its endpoint is in place. */
  present = true;
  dependants = 0;
  /** Id of its endpoint, if the kernel makes a subflow for it by itself when it is added. */
  renewable: number | undefined = undefined;
  /** Peers that stopped answering while the path worked, and until when they say nothing about it. */
  readonly #distrusted = new Map<string, number>();

  constructor(key: string, family: Family, ifindex: number, address: string, prefixLength: number) {
    [this.key, this.family, this.ifindex, this.address] = [key, family, ifindex, address];
    this.#prefixLength = prefixLength;
  }

  /** Its subflows. A peer in the address's own subnet says nothing about the path behind the gateway. */
  select(sockets: readonly SubflowSocket[], now: number): SubflowSocket[] {
    for (const [peer, until] of this.#distrusted) if (until < now) this.#distrusted.delete(peer);
    return sockets.filter(
      ({ local, remote }) =>
        local.address === this.address &&
        !this.#distrusted.has(remote.address) &&
        !inNetwork(remote.address, this.address, this.#prefixLength),
    );
  }

  /** Ends a suspicion. One that ends at once because something arrived was of the peers, not of the path. */
  settle(now: number, heard: boolean): void {
    const { doubt } = this;
    if (!doubt) return;
    if (heard && now - doubt.began < FALSE_ALARM_MS)
      for (const peer of doubt.peers) this.#distrusted.set(peer, now + DISTRUST_MS);
    this.past = end(doubt, now);
    this.doubt = null;
    this.waits = new Map();
    this.waiting = false;
    this.dependants = 0;
  }
}

/** Milliseconds. */
const FAST_MS = 20;
const SILENT_MS = 24;
const SLOW_MS = 1_000;
const BACKGROUND_MS = 250;
const LONGEST_IDLE_MS = 500;
/** What the budget keeps for a link that sends without receiving. */
const RESERVE_MS = 100;

/** `budget`: milliseconds that may be spent on reading sockets. `now`: milliseconds by the clock. */
export function mayAsk(path: Path, now: number, budget: number): boolean {
  const { gauge, askAt, askedAt, rtt, waiting } = path;
  if (!gauge || budget <= 0) return false;
  const { receivedAt, movedAt } = gauge;
  // Longer than one pause between two looks: busy links are silent for less all the time.
  const silent = now - receivedAt >= Math.max(SILENT_MS, rtt ?? 0);
  if (silent && (waiting || movedAt > askedAt) && now >= askAt) return true;
  // Other traffic may arrive on the link although the path is dead.
  return movedAt > askedAt && now - askedAt >= BACKGROUND_MS && budget > RESERVE_MS;
}

const LOSSY_MS = 30_000;

/** Whether segments were lost lately on a path that works. */
export const isLossy = ({ lostAt }: Path, now: number): boolean => now - lostAt < LOSSY_MS;

/** Notes what the sockets showed. @returns whether the path has stalled */
export function isAnswering(path: Path, judgement: Judgement, now: number): boolean {
  const { waits, verdict, movedAt, rtt } = judgement;
  path.waits = waits;
  if (judgement.loses) path.lostAt = now;
  path.movedAt = movedAt ?? -Infinity;
  path.rtt = rtt;
  path.askedAt = now;
  path.waiting = verdict.kind !== 'idle';
  if (verdict.kind === 'idle')
    path.idlePause = Math.min(LONGEST_IDLE_MS, Math.max(FAST_MS, path.idlePause * 2));
  else path.idlePause = 0;
  path.askAt = now + (verdict.kind === 'waiting' ? (verdict.next ?? 2 * FAST_MS) : path.idlePause);
  return verdict.kind === 'stalled';
}

/** Milliseconds until the next look at the counters. */
export function lookPause(paths: Iterable<Path>, now: number): number {
  let pause = SLOW_MS;
  for (const path of paths) {
    if (!path.gauge || path.doubt) continue;
    const resting = path.movedAt !== null && now - path.movedAt > SLOW_MS && !path.waiting;
    if (resting || now - path.gauge.movedAt > SLOW_MS) continue;
    pause = Math.min(pause, FAST_MS);
    // A known moment at which an answer is overdue.
    if (path.waiting && path.askAt > now) pause = Math.min(pause, Math.max(4, path.askAt - now));
  }
  return pause;
}

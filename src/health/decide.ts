/** Decides which paths are suspect, from all sockets at one moment. */
import type { SubflowSocket } from '../netlink/diag.ts';
import type { Factors } from './factors.ts';
import { isCarrying, judge } from './judge.ts';
import { isLossy, type Path } from './path.ts';

export interface Decision {
  readonly path: Path;
  /** Milliseconds. */
  readonly unanswered: number;
  /** Addresses of the peers that do not answer. */
  readonly peers: readonly string[];
  /** Connections with a subflow on the path and no other one that lives. */
  readonly dependants: number;
  /** Subflows on the path whose connection has another one that lives. */
  readonly movable: readonly SubflowSocket[];
}

/**
 * A path is suspect only if one of its stalled connections has a subflow elsewhere that is not stalled: otherwise the
 * peer may have failed, and nothing would be gained.
 */
export function decide(
  paths: Iterable<Path>,
  sockets: readonly SubflowSocket[],
  now: number,
  factors: Factors,
): Decision[] {
  const stalled = new Map<Path, { readonly unanswered: number; readonly cookies: ReadonlySet<number> }>();
  const silent = new Set<number>();
  for (const path of paths) {
    if (path.doubt) continue;
    const { waits, verdict } = judge(path.waits, path.select(sockets, now), now, factors, isLossy(path, now));
    path.waits = waits;
    if (verdict.kind !== 'stalled') continue;
    stalled.set(path, verdict);
    for (const cookie of verdict.cookies) silent.add(cookie);
  }
  const suspect = new Set([...paths].filter(({ doubt }) => doubt).map(({ address }) => address));
  const decisions: Decision[] = [];
  for (const [path, { unanswered, cookies }] of stalled) {
    const alive = tokensElsewhere(path.address, sockets, suspect, silent);
    const own = sockets.filter((socket) => socket.local.address === path.address && isCarrying(socket));
    if (!own.some(({ cookie, token }) => cookies.has(cookie) && alive.has(token))) continue;
    decisions.push({
      ...{ path, unanswered, dependants: countDependants(own, alive) },
      peers: own.filter(({ cookie }) => cookies.has(cookie)).map(({ remote }) => remote.address),
      movable: own.filter(({ token }) => alive.has(token)),
    });
    suspect.add(path.address);
  }
  return decisions;
}

/** Tokens of the connections that have a subflow which is neither on this address, nor suspect, nor stalled. */
export function tokensElsewhere(
  address: string,
  sockets: readonly SubflowSocket[],
  suspect: ReadonlySet<string>,
  silent: ReadonlySet<number> = new Set(),
): Set<number> {
  const alive = new Set<number>();
  for (const socket of sockets)
    if (
      isCarrying(socket) &&
      socket.local.address !== address &&
      !suspect.has(socket.local.address) &&
      !silent.has(socket.cookie)
    )
      alive.add(socket.token);
  return alive;
}

/** `own`: subflows on one path. */
export const countDependants = (own: readonly SubflowSocket[], alive: ReadonlySet<number>): number =>
  new Set(own.filter(({ token }) => !alive.has(token)).map(({ token }) => token)).size;

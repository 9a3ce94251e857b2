/** Decides which paths are suspect, from all sockets of the host at one moment. */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { AnswerTime } from './answer-time.ts';
import { judge } from './judge.ts';
import { judgeOptions, type Path } from './path.ts';

export interface Decision {
  readonly path: Path;
  /** How long nothing has arrived although it should, in milliseconds. */
  readonly unanswered: number;
  /** Nothing arrived, and a new subflow got no answer; otherwise data of this host waits for an answer. */
  readonly isSilent: boolean;
  /** Addresses of the peers that do not answer. */
  readonly peers: readonly string[];
  /** How many connections have a subflow on the path and none elsewhere that works. */
  readonly dependants: number;
  /** Subflows on the path whose connection has one elsewhere that works. */
  readonly movable: readonly SubflowSocket[];
}

export interface Decisions {
  readonly decisions: readonly Decision[];
  /** A path is stalled, and the connections that show it have no subflow elsewhere that works. */
  readonly isStuck: boolean;
}

/**
 * A path is suspect only if one of its stalled connections has a subflow elsewhere that is not stalled. Otherwise the
 * peer may have failed, and no other subflow could carry the data. Updates the waits of the paths.
 * @param sockets all subflows of the namespace
 * @param now milliseconds by the clock
 */
export function decide(
  paths: Iterable<Path>,
  sockets: readonly SubflowSocket[],
  now: number,
  answerTime: AnswerTime,
): Decisions {
  const stalled = new Map<Path, { readonly unanswered: number; readonly cookies: ReadonlySet<number> }>();
  const stalledCookies = new Set<number>();
  for (const path of paths) {
    if (path.suspicion) continue;
    const { waits, verdict } = judge(
      path.waits,
      path.select(sockets, now),
      now,
      answerTime,
      judgeOptions(path, now),
    );
    path.waits = waits;
    if (verdict.kind !== 'stalled') continue;
    stalled.set(path, verdict);
    for (const cookie of verdict.cookies) stalledCookies.add(cookie);
  }
  const suspect = new Set([...paths].filter(({ suspicion }) => suspicion).map(({ address }) => address));
  const decisions: Decision[] = [];
  for (const [path, { unanswered, cookies }] of stalled) {
    const working = tokensElsewhere(path.address, sockets, suspect, stalledCookies);
    const silent = sockets.filter(({ cookie }) => cookies.has(cookie));
    if (!silent.some(({ token }) => working.has(token))) continue;
    decisions.push(decisionOn(path, sockets, { unanswered, silent, working, isSilent: false }));
    suspect.add(path.address);
  }
  return { decisions, isStuck: decisions.length < stalled.size };
}

interface Grounds extends Pick<Decision, 'unanswered' | 'isSilent'> {
  /** The subflows that showed it. */
  readonly silent: readonly SubflowSocket[];
  /** Tokens of connections that have a subflow elsewhere. */
  readonly working: ReadonlySet<number>;
}

/** The decision that a path is suspect. */
export function decisionOn(
  path: Path,
  sockets: readonly SubflowSocket[],
  { silent, working, ...evidence }: Grounds,
): Decision {
  const own = sockets.filter((socket) => socket.local.address === path.address && isCarrying(socket));
  return {
    ...{ path, ...evidence, dependants: countDependants(own, working) },
    peers: silent.map(({ remote }) => remote.address),
    movable: own.filter(({ token }) => working.has(token)),
  };
}

/**
 * Tokens of the connections that have a subflow which the peer has accepted, and which is neither on this address, nor
 * suspect, nor stalled.
 */
export function tokensElsewhere(
  address: string,
  sockets: readonly SubflowSocket[],
  suspect: ReadonlySet<string>,
  stalledCookies: ReadonlySet<number> = new Set(),
): Set<number> {
  const working = new Set<number>();
  for (const socket of sockets)
    if (
      isCarrying(socket) &&
      socket.accepted &&
      socket.local.address !== address &&
      !suspect.has(socket.local.address) &&
      !stalledCookies.has(socket.cookie)
    )
      working.add(socket.token);
  return working;
}

/** `own`: subflows on one path. */
export const countDependants = (own: readonly SubflowSocket[], working: ReadonlySet<number>): number =>
  new Set(own.filter(({ token }) => !working.has(token)).map(({ token }) => token)).size;

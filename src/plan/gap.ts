/**
 * Bridges short gaps in which a default route is missing while carrier and address remain: DHCP clients
 * and scripts delete it and add it again. Meanwhile the copy in multihomed's own table carries the
 * traffic. The snapshot provides the time.
 */
import { isForSource, throughLink } from '../snapshot/host-route.ts';
import { answerKey, type Answer, type Snapshot } from '../snapshot/snapshot.ts';
import type { LastAnswer, Memory } from './memory.ts';

/** How long a default route may be missing, in milliseconds. */
export const GAP_MS = 300;

type Answers = Memory['answers'];

/** @returns for each owned endpoint the last answer with a default route, unless that route is missing for too long */
export function learnAnswers({ owned, answers }: Memory, snapshot: Snapshot): Answers {
  const learnt = new Map<string, LastAnswer>();
  for (const { ifindex, address } of owned.values()) {
    const key = answerKey(ifindex, address);
    const last = lastAnswer(answers.get(key), snapshot.answers.get(key), ifindex, snapshot);
    if (last) learnt.set(key, last);
  }
  const same = learnt.size === answers.size && [...learnt].every(([key, last]) => answers.get(key) === last);
  return same ? answers : learnt;
}

/** `now`: undefined if the address or the carrier is lost. */
function lastAnswer(
  known: LastAnswer | undefined,
  now: Answer | undefined,
  ifindex: number,
  snapshot: Snapshot,
): LastAnswer | null {
  if (!now) return null;
  if (now.default && !(known && isTorn(now, ifindex))) {
    const copied = isCopied(now, snapshot);
    return known?.answer === now && known.copied === copied
      ? known
      : { answer: now, copied, missingSince: null };
  }
  // The kernel removes all routes of a link that goes down, the copy too: in that case the path is lost.
  if (!known || (known.copied && !isCopied(known.answer, snapshot))) return null;
  const missingSince = known.missingSince ?? snapshot.answeredAt;
  if (snapshot.answeredAt - missingSince >= GAP_MS) return null;
  return known.missingSince === null ? { ...known, missingSince } : known;
}

/**
 * The default route of the host's own policy rule was present in one look-up and missing
 * in the next: it changed between them.
 */
function isTorn({ host, bound, unbound }: Answer, ifindex: number): boolean {
  const through = throughLink(host, ifindex);
  if (!through || !isForSource(through.rule)) return false;
  return [bound, unbound].some(
    (way) => way.kind === 'none' || (way.kind === 'leaves' && !way.ifindex.includes(ifindex)),
  );
}

/** Whether a table of multihomed has the default route too. */
function isCopied({ default: found }: Answer, { ownRoutes }: Snapshot): boolean {
  if (!found) return false;
  const { family } = found.route;
  return ownRoutes.some(
    (own) =>
      own.family === family &&
      own.prefixLength === 0 &&
      own.hops.some((hop) => hop.ifindex === found.hop.ifindex && hop.gateway === found.hop.gateway),
  );
}

/** A copy of the snapshot in which a default route that is missing for a moment is still present. */
export function bridgeGaps(snapshot: Snapshot, { answers }: Memory): Snapshot {
  const missing = [...answers].filter(([, { missingSince }]) => missingSince !== null);
  if (missing.length === 0) return snapshot;
  const bridged = new Map(snapshot.answers);
  for (const [key, last] of missing) {
    const now = bridged.get(key);
    if (now) bridged.set(key, bridge(now, last));
  }
  return { ...snapshot, answers: bridged };
}

/** Without a copy of the route in multihomed's table every look-up has changed, so the whole last answer is used. */
function bridge(now: Answer, { answer, copied }: LastAnswer): Answer {
  const found = answer.default!;
  const route = { ...found.route, expires: null };
  return {
    ...(copied ? now : answer),
    host: answer.host,
    default: { ...found, route },
    why: null,
    bridged: true,
  };
}

/** When the first gap is over, by the snapshot's clock in milliseconds; null: there is no gap. */
export function gapEnd({ answers }: Memory): number | null {
  const ends = [...answers.values()].flatMap(({ missingSince }) =>
    missingSince === null ? [] : [missingSince + GAP_MS],
  );
  return ends.length ? Math.min(...ends) : null;
}

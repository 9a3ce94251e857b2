/** What the endpoints that stand tell of the kernel, and of what is still ours. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { isOwned } from './assess.ts';
import { CHANGEABLE } from './flags.ts';
import { learnAnswers } from './gap.ts';
import type { Memory, Raised } from './memory.ts';

/**
 * An endpoint that somebody deleted is not ours when it comes back. And the kernel drops flags that it does not know
 * without a word (laminar before 6.18: add it, and the dump lacks it); nobody can take such a flag from an endpoint that
 * stands, so one that is missing was never known.
 */
export function learn(memory: Memory, snapshot: Snapshot): Memory {
  const owned = new Map<number, Endpoint>();
  let unknownFlags = memory.unknownFlags;
  for (const endpoint of snapshot.endpoints) {
    const added = memory.owned.get(endpoint.id);
    if (!added || !isOwned(memory, endpoint)) continue;
    const dropped = added.flags & ~endpoint.flags & ~CHANGEABLE;
    unknownFlags |= dropped;
    owned.set(added.id, dropped ? { ...added, flags: added.flags & ~dropped } : added);
  }
  const raised = learnLimits(memory.raised, snapshot.limits, owned.size === 0);
  // A count that others changed while it was made may have been too low.
  const slots = Math.max(memory.slots, snapshot.endpoints.length);
  const answers = learnAnswers({ ...memory, owned }, snapshot);
  const same =
    owned.size === memory.owned.size &&
    unknownFlags === memory.unknownFlags &&
    raised === memory.raised &&
    slots === memory.slots &&
    answers === memory.answers;
  return same ? memory : { ...memory, owned, unknownFlags, raised, slots, answers };
}

/** Whoever changes a limit that we raised has it, until our last endpoint is gone. */
function learnLimits(raised: Memory['raised'], limits: Limits, idle: boolean): Memory['raised'] {
  const now: { -readonly [limit in keyof Limits]?: Raised } = {};
  const names = Object.keys(raised) as (keyof Limits)[];
  for (const name of names) {
    const known = learnLimit(raised[name]!, limits[name], idle);
    if (known) now[name] = known;
  }
  return names.every((name) => now[name] === raised[name]) ? raised : now;
}

/** `idle`: none of our endpoints stands. @returns null where nothing of ours is left of it */
function learnLimit(raised: Raised, now: number, idle: boolean): Raised | null {
  const { from, before, to, granted, returning, theirs } = raised;
  if (theirs) return idle ? null : raised;
  // It was put back, also where the answer was lost. From here on it is the administrator's.
  if ((idle || returning) && now === from) return null;
  if (now === to) return granted ? raised : { from, before, to, granted: true };
  // We died before the kernel was asked, or its answer was lost.
  if (!granted && (now === from || now === before)) return raised;
  return { ...raised, theirs: true };
}

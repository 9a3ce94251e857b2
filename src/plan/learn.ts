/** What the endpoints that stand tell of the kernel, and of what is still ours. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { isOwned } from './assess.ts';
import { CHANGEABLE } from './flags.ts';
import type { Memory } from './memory.ts';

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
  const raised = learnLimits(memory, snapshot);
  const same =
    owned.size === memory.owned.size && unknownFlags === memory.unknownFlags && raised === memory.raised;
  return same ? memory : { ...memory, owned, unknownFlags, raised };
}

/** Whoever changes a limit that we raised has it, until our last endpoint is gone. */
function learnLimits({ raised, owned }: Memory, { limits }: Snapshot): Memory['raised'] {
  const names = Object.keys(raised) as (keyof Limits)[];
  /** Whether we heard so or not; what somebody makes of it from here on is his. */
  const isPutBack = (name: keyof Limits): boolean => owned.size === 0 && limits[name] === raised[name]!.from;
  const changed = names.filter((name) => {
    const { from, before, to, theirs } = raised[name]!;
    // `before`: we died before the kernel was asked.
    return theirs ? owned.size === 0 : ![from, before, to].includes(limits[name]) || isPutBack(name);
  });
  if (changed.length === 0) return raised;
  const now = { ...raised };
  for (const name of changed) {
    if (raised[name]!.theirs || isPutBack(name)) delete now[name];
    else now[name] = { ...raised[name]!, theirs: true };
  }
  return now;
}

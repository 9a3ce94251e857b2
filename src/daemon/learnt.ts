/**
 * Logs what a pass found out: flags that the kernel does not know, and limits that
 * another program set. Each is logged once.
 */
import type { Limits } from '../netlink/mptcp/limits.ts';
import { limitsText } from '../plan/action.ts';
import { flagNames } from '../plan/flags.ts';
import type { Memory } from '../plan/memory.ts';
import type { Log } from '../system/log.ts';

export function sayLearnt(log: Log, before: Memory, now: Memory, limits: Limits): void {
  const unknown = now.unknownFlags & ~before.unknownFlags;
  if (unknown)
    log.warn(`this kernel does not know the flag ${flagNames(unknown).join(', ')}: it is left out`);
  for (const name of Object.keys(now.raised) as (keyof Limits)[])
    if (now.raised[name]?.theirs && !before.raised[name]?.theirs)
      log.info(
        `limits:${limitsText({ [name]: limits[name] })} was set by somebody else, and stays so while endpoints of ours stand`,
      );
}

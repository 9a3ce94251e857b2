import { setTimeout as sleep } from 'node:timers/promises';

/** How often a group that was asked to end is looked at. */
const LOOK_EVERY = 50;

/**
 * Ends a process group: SIGTERM, and SIGKILL to what is left of it after `grace` milliseconds. Resolves when the
 * group is empty or has been sent SIGKILL. The leader must not have been waited for when this is called, so that
 * its number is still its own; after that the group is looked at often, since an empty group's number is free.
 */
export async function endGroup(leader: number, grace: number): Promise<void> {
  if (!signalGroup(leader, 'SIGTERM')) return;
  // A stopped process takes no SIGTERM before it goes on.
  signalGroup(leader, 'SIGCONT');
  const deadline = performance.now() + grace;
  while (performance.now() < deadline) {
    await sleep(Math.min(LOOK_EVERY, grace));
    if (!signalGroup(leader, 0)) return;
  }
  signalGroup(leader, 'SIGKILL');
}

/** False: nobody is left in the group. */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch (error) {
    // EPERM: somebody is there, as another user than ourselves.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

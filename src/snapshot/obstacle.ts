/** Finds a setting of the host under which no endpoint has an effect. */

import { readInNamespace } from '../system/addon.ts';

/**
 * `userspace`: `name` is this kernel's sysctl for the path manager, `kernel` the
 * value that selects the in-kernel one.
 */
export type Obstacle =
  | { readonly kind: 'disabled' }
  | {
      readonly kind: 'userspace';
      readonly name: 'path_manager' | 'pm_type';
      readonly now: string;
      readonly kernel: string;
    };

/** The value of net.mptcp.NAME; null: the kernel has no such sysctl, and then only its own path manager. */
function sysctl(name: string, netns?: string): string | null {
  try {
    return readInNamespace(`/proc/sys/net/mptcp/${name}`, netns).trim();
  } catch {
    return null;
  }
}

/**
 * `netns`: path of a namespace file; omitted: the caller's own namespace.
 * @returns null: endpoints have an effect
 */
export function findObstacle(netns?: string): Obstacle | null {
  if (sysctl('enabled', netns) === '0') return { kind: 'disabled' };
  // Linux 6.15 and later have a name here; the older number exists beside it.
  const manager = sysctl('path_manager', netns);
  if (manager !== null)
    return manager === 'kernel'
      ? null
      : { kind: 'userspace', name: 'path_manager', now: manager, kernel: 'kernel' };
  const type = sysctl('pm_type', netns);
  return type === null || type === '0'
    ? null
    : { kind: 'userspace', name: 'pm_type', now: type, kernel: '0' };
}

/** Problems of the whole host, and settings that cannot be met: a code with its fields. */
import type { Obstacle } from '../snapshot/obstacle.ts';
import type { LimitsSetting } from '../rules/rule.ts';

export type HostProblem =
  | { readonly code: 'mptcp-disabled' }
  /** `kernel`: the value that selects the in-kernel path manager. */
  | {
      readonly code: 'userspace-path-manager';
      readonly sysctl: 'path_manager' | 'pm_type';
      readonly value: string;
      readonly kernel: string;
    }
  /** `limit`: as in the configuration. */
  | {
      readonly code: 'limit-too-high';
      readonly limit: string;
      readonly wanted: number;
      readonly maximum: number;
    }
  /** The files have errors, and the previous configuration stays in use. */
  | { readonly code: 'configuration'; readonly errors: string };

/** @returns at most one */
export function obstacleProblems(obstacle: Obstacle | null): HostProblem[] {
  if (!obstacle) return [];
  if (obstacle.kind === 'disabled') return [{ code: 'mptcp-disabled' }];
  const { name: sysctl, now: value, kernel } = obstacle;
  return [{ code: 'userspace-path-manager', sysctl, value, kernel }];
}

/** `maximum`: of this kernel. */
export function limitProblems(limits: LimitsSetting, maximum: number): HostProblem[] {
  if (typeof limits === 'string') return [];
  const { subflows, addAddrAccepted } = limits;
  return Object.entries({ subflows, 'add-addr-accepted': addAddrAccepted }).flatMap(([limit, wanted]) =>
    wanted !== null && wanted > maximum ? [{ code: 'limit-too-high' as const, limit, wanted, maximum }] : [],
  );
}

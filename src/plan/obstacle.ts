/** Settings under which no endpoint has an effect, so that no uplink is active. */
import type { Obstacle } from '../snapshot/obstacle.ts';
import type { Plan } from './plan.ts';
import type { Reason } from './reason.ts';
import type { Uplink } from './uplink.ts';

/** The reason of an uplink whose endpoint has no effect. */
export const obstacleReason = (obstacle: Obstacle): Reason =>
  obstacle.kind === 'disabled'
    ? { code: 'mptcp-disabled' }
    : { code: 'userspace-path-manager', sysctl: obstacle.name, value: obstacle.now };

/** A copy of the plan in which no uplink is active if there is an obstacle. */
export function planUnder(planned: Plan, obstacle: Obstacle | null): Plan {
  if (!obstacle) return planned;
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    if (uplink.state !== 'active') return uplink;
    return { ...uplink, state: 'failed', reason: obstacleReason(obstacle) };
  });
  return { ...planned, uplinks };
}

/** Settings under which no endpoint has an effect, so that no uplink is active. */
import type { Obstacle } from '../snapshot/obstacle.ts';
import type { Plan } from './plan.ts';
import type { Uplink } from './uplink.ts';

/** The setting that removes the obstacle, as an argument of sysctl(8). */
export const obstacleSetting = (obstacle: Obstacle): string =>
  obstacle.kind === 'disabled' ? 'net.mptcp.enabled=1' : `net.mptcp.${obstacle.name}=${obstacle.kernel}`;

/** The obstacle in words, with its sysctl. */
export const obstacleText = (obstacle: Obstacle): string =>
  obstacle.kind === 'disabled'
    ? 'Multipath TCP is switched off (net.mptcp.enabled=0)'
    : `the userspace path manager is in use (net.mptcp.${obstacle.name}=${obstacle.now}): endpoints have no effect`;

/** A copy of the plan in which no uplink is active if there is an obstacle. */
export function planUnder(planned: Plan, obstacle: Obstacle | null): Plan {
  if (!obstacle) return planned;
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    if (uplink.state !== 'active') return uplink;
    return { ...uplink, state: 'failed', reason: obstacleText(obstacle) };
  });
  return { ...planned, uplinks };
}

/** The problem of the host in one sentence, with the command that solves it; empty: there is none. */
export const obstacleProblems = (obstacle: Obstacle | null): string[] =>
  obstacle ? [`${obstacleText(obstacle)}; sysctl -w ${obstacleSetting(obstacle)}`] : [];

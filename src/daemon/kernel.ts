/** Opens the connections to the kernel of one namespace, and checks what that kernel supports. */
import { closeSync } from 'node:fs';
import { Connection, type ConnectionOptions } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { findFamily, type GenericFamily } from '../netlink/generic/family.ts';
import { MPTCP_PM } from '../netlink/mptcp/endpoint.ts';
import { setLimits } from '../netlink/mptcp/limits.ts';
import { obstacleSetting, obstacleText, type Obstacle } from '../plan/obstacle.ts';
import { mptcpSocket, NETLINK_GENERIC, NETLINK_ROUTE, readInNamespace } from '../system/addon.ts';
import type { Clock } from '../system/clock.ts';
import { SystemError } from '../system/system-error.ts';
import { NoMptcpError } from './error.ts';

export interface KernelConnections {
  readonly route: Connection;
  readonly generic: Connection;
  readonly mptcp: GenericFamily;
  /** SO_NETNS_COOKIE in decimal. */
  readonly namespace: string;
  close(): void;
}

/**
 * Opens the netlink connections. The caller closes them.
 * @throws NoMptcpError, NetlinkError, SystemError
 */
export async function connectKernel(options: {
  readonly clock: Clock;
  readonly netns?: string | undefined;
  readonly trace?: ConnectionOptions['trace'];
}): Promise<KernelConnections> {
  const route = new Connection({ ...options, protocol: NETLINK_ROUTE });
  const generic = new Connection({ ...options, protocol: NETLINK_GENERIC });
  const close = (): void => {
    route.close();
    generic.close();
  };
  try {
    const mptcp = await findFamily(generic, MPTCP_PM);
    if (!mptcp)
      throw new NoMptcpError('This kernel has no Multipath TCP (CONFIG_MPTCP): install one that has.');
    return { route, generic, mptcp, namespace: route.socket.netnsCookie.toString(), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Checks net.mptcp.enabled, which each namespace has, by opening a socket there.
 * @throws NoMptcpError
 */
export function checkEnabled(netns?: string): void {
  try {
    closeSync(mptcpSocket('ipv4', netns === undefined ? {} : { netns }));
  } catch (error) {
    if (error instanceof SystemError && ['ENOPROTOOPT', 'EPROTONOSUPPORT'].includes(error.code))
      throw new NoMptcpError('Multipath TCP is switched off: sysctl -w net.mptcp.enabled=1');
    throw error;
  }
}

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

/** The problems of the host as sentences. `netns` as above. */
export function standingProblems(netns?: string): string[] {
  const obstacle = findObstacle(netns);
  return obstacle ? [`${obstacleText(obstacle)}; sysctl -w ${obstacleSetting(obstacle)}`] : [];
}

/** Maximum of kernels whose answer does not contain it: MPTCP_PM_ADDR_MAX before Linux 7.2. */
const LIMIT_MAX = 8;
const ABSURD = 0x7fff_ffff;

/**
 * Finds the maximum of a limit by requesting a value that every kernel refuses, so nothing changes.
 * @returns the maximum
 * @throws NetlinkError EPERM without CAP_NET_ADMIN
 */
export async function probeLimits(kernel: Pick<KernelConnections, 'generic' | 'mptcp'>): Promise<number> {
  try {
    await setLimits(
      kernel.generic,
      kernel.mptcp,
      { subflows: ABSURD, addAddrAccepted: ABSURD },
      'limits probe',
    );
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EINVAL') throw error;
    const said = /\((\d{1,3})\)/.exec(error.kernelText ?? '')?.[1];
    return said === undefined ? LIMIT_MAX : Number(said);
  }
  return LIMIT_MAX;
}

/** Opens the connections to the kernel of one namespace, and checks what that kernel supports. */
import { closeSync } from 'node:fs';
import { NetlinkConnection, type ConnectionOptions } from './connection.ts';
import { NetlinkError, NoMptcpError } from './error.ts';
import { findFamily, type GenericFamily } from './generic/family.ts';
import { MPTCP_PM } from './mptcp/endpoint.ts';
import { setLimits } from './mptcp/limits.ts';
import { mptcpSocket, NETLINK_GENERIC, NETLINK_ROUTE } from '../system/addon.ts';
import type { Clock } from '../system/clock.ts';
import { SystemError } from '../system/system-error.ts';

export interface KernelSession {
  readonly route: NetlinkConnection;
  readonly generic: NetlinkConnection;
  readonly mptcp: GenericFamily;
  /** SO_NETNS_COOKIE in decimal. */
  readonly namespace: string;
  close(): void;
}

/**
 * Opens the netlink connections. The caller closes them.
 * @throws NoMptcpError, NetlinkError, SystemError
 */
export async function openSession(options: {
  readonly clock: Clock;
  readonly netns?: string | undefined;
  readonly trace?: ConnectionOptions['trace'];
}): Promise<KernelSession> {
  const route = new NetlinkConnection({ ...options, protocol: NETLINK_ROUTE });
  const generic = new NetlinkConnection({ ...options, protocol: NETLINK_GENERIC });
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
      throw new NoMptcpError(
        'Multipath TCP is disabled in this network namespace. To enable it:\n    sysctl -w net.mptcp.enabled=1',
      );
    throw error;
  }
}

/** The maximum where the kernel's answer does not contain it: MPTCP_PM_ADDR_MAX before Linux 7.2. */
const LIMIT_MAX = 8;
const ABOVE_EVERY_MAXIMUM = 0x7fff_ffff;

/**
 * Finds the highest value of a limit that the kernel accepts. It requests one that every kernel refuses, so nothing
 * changes.
 * @throws NetlinkError EPERM without CAP_NET_ADMIN
 */
export async function probeLimits(kernel: Pick<KernelSession, 'generic' | 'mptcp'>): Promise<number> {
  try {
    await setLimits(
      kernel.generic,
      kernel.mptcp,
      { subflows: ABOVE_EVERY_MAXIMUM, addAddrAccepted: ABOVE_EVERY_MAXIMUM },
      'limits probe',
    );
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'EINVAL') throw error;
    const reported = /\((\d{1,3})\)/.exec(error.kernelText ?? '')?.[1];
    return reported === undefined ? LIMIT_MAX : Number(reported);
  }
  return LIMIT_MAX;
}

/** Closes subflows: SOCK_DESTROY of sock_diag(7), linux/sock_diag.h. */
import { Writer } from './bytes.ts';
import type { Requester } from './connection.ts';
import type { SubflowSocket } from './diag.ts';
import { NetlinkError } from './error.ts';
import { IPPROTO_TCP } from './ip.ts';

const SOCK_DESTROY = 21;
const ANY_STATE = 0xffff_ffff;

/**
 * Closes one subflow at once (SOCK_DESTROY), even if data waits to be sent on it. Its connection stays open and sends
 * that data on another subflow. The kernel compares all of the socket's identity, its cookie included.
 * @returns false: the socket is closed already
 * @throws NetlinkError EOPNOTSUPP without CONFIG_INET_DIAG_DESTROY; EPERM without CAP_NET_ADMIN
 */
export async function destroySubflow(requester: Requester, { sockid }: SubflowSocket): Promise<boolean> {
  const payload = new Writer()
    .u8(sockid.family)
    .u8(IPPROTO_TCP)
    .u16(0)
    .u32(ANY_STATE)
    .bytes(sockid.bytes)
    .done();
  try {
    await requester.request({ operation: 'socket destroy', type: SOCK_DESTROY, payload });
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}

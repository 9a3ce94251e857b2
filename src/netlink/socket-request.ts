/** Reads single sockets by their identity, sock_diag(7): far cheaper than a dump, which walks all sockets of the host. */
import { Writer } from './bytes.ts';
import type { Requester } from './connection.ts';
import { decodeSubflowSocket, INET_DIAG_INFO, SOCK_DIAG_BY_FAMILY, type SubflowSocket } from './diag.ts';
import { NetlinkError } from './error.ts';
import { IPPROTO_TCP } from './ip.ts';

const ANY_STATE = 0xffff_ffff;

/**
 * The present values of these sockets, without those that are closed. The requests are sent together.
 * @throws NetlinkError, DecodeError
 */
export async function readSubflowSockets(
  requester: Requester,
  sockets: readonly SubflowSocket[],
): Promise<SubflowSocket[]> {
  const read = await Promise.all(sockets.map((socket) => readSocket(requester, socket)));
  return read.filter((socket) => socket !== null);
}

async function readSocket(requester: Requester, { sockid }: SubflowSocket): Promise<SubflowSocket | null> {
  const payload = new Writer()
    .u8(sockid.family)
    .u8(IPPROTO_TCP)
    .u8(1 << (INET_DIAG_INFO - 1))
    .u8(0)
    .u32(ANY_STATE)
    .bytes(sockid.bytes)
    .done();
  try {
    const request = { operation: 'socket get', type: SOCK_DIAG_BY_FAMILY, payload };
    const message = (await requester.request(request)).find(({ type }) => type === SOCK_DIAG_BY_FAMILY);
    return message ? decodeSubflowSocket(message) : null;
  } catch (error) {
    // ENOENT: there is no such socket. ESTALE: another one has its addresses and ports now.
    if (error instanceof NetlinkError && (error.code === 'ENOENT' || error.code === 'ESTALE')) return null;
    throw error;
  }
}

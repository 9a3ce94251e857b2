/** Who is at the other end of a connection. */
import type { Socket } from 'node:net';
import { peerCredentials } from '../system/addon.ts';

/** Of a connected unix socket; `pid` is 0 in another pid namespace. */
export type Peer = ReturnType<typeof peerCredentials>;

/** SO_PEERCRED is of the moment of connecting, and cannot be claimed. @returns null: the socket is closed already */
export function peerOf(socket: Socket): Peer | null {
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle;
  if (typeof handle?.fd !== 'number' || handle.fd < 0) return null;
  return peerCredentials(handle.fd);
}

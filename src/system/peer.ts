/** The process at the other end of a connection. */
import type { Socket } from 'node:net';
import { peerCredentials } from './addon.ts';

/** Credentials of a connected unix socket's peer; `pid` is 0 for a process outside this pid namespace. */
export type Caller = ReturnType<typeof peerCredentials>;

/**
 * Reads SO_PEERCRED, which the kernel sets at connect(2), so the peer cannot forge it.
 * @returns null: the socket is already closed
 */
export function peerOf(socket: Socket): Caller | null {
  const handle = (socket as unknown as { _handle?: { fd?: number } })._handle;
  if (typeof handle?.fd !== 'number' || handle.fd < 0) return null;
  return peerCredentials(handle.fd);
}

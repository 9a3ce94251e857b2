/** Open MPTCP connections, and from which local addresses their subflows come. */
import { NetlinkConnection, type Requester } from '../netlink/connection.ts';
import {
  decodePlainSocket,
  decodeSubflowSocket,
  dumpSubflowSockets,
  dumpSockets,
  isCarrying,
  type PlainSocket,
  type SubflowSocket,
} from '../netlink/diag.ts';
import type { Message } from '../netlink/message.ts';
import { NETLINK_SOCK_DIAG } from '../system/addon.ts';
import { systemClock } from '../system/clock.ts';
import type { OpenConnections } from './snapshot.ts';

/**
 * Reads the connections over a socket of its own, because they are seldom needed. `netns`: path of a namespace
 * file; omitted: the caller's namespace.
 * @throws NetlinkError, SystemError
 */
export async function openConnections(netns?: string): Promise<OpenConnections> {
  return withDiag(readConnections, netns);
}

/**
 * Subflow sockets in every TCP state. `netns`: as above.
 * @throws NetlinkError, SystemError
 */
export const subflowSockets = (netns?: string): Promise<SubflowSocket[]> =>
  withDiag(dumpSubflowSockets, netns);

async function withDiag<T>(read: (diag: Requester) => Promise<T>, netns?: string): Promise<T> {
  const diag = new NetlinkConnection({ protocol: NETLINK_SOCK_DIAG, clock: systemClock, netns });
  try {
    return await read(diag);
  } finally {
    diag.close();
  }
}

/**
 * The connections as in the snapshot. Older kernels list no sockets without CAP_NET_ADMIN.
 * @throws NetlinkError
 */
async function readConnections(diag: Requester): Promise<OpenConnections> {
  const locals = new Map<number, string[]>();
  const carrying = await dumpSockets(diag, decodeOpen);
  for (const { token, local } of carrying) {
    if (token === null) continue;
    const known = locals.get(token);
    if (known) known.push(local.address);
    else locals.set(token, [local.address]);
  }
  const boundSockets = carrying
    .filter(({ ifindex }) => ifindex !== 0)
    .map(({ token, ifindex, local, remote }) => ({
      ...{ ifindex, ...local, remote: remote.address },
      locals: token === null ? [local.address] : locals.get(token)!,
    }));
  return { connections: [...locals.values()], boundSockets };
}

/** An open subflow, or another open socket that is bound to a link; null: neither. `token`: null for the latter. */
function decodeOpen(message: Message): (PlainSocket & { readonly token: number | null }) | null {
  const subflow = decodeSubflowSocket(message);
  // A join that the peer refuses is established for a moment, and is no second path.
  if (subflow) return isCarrying(subflow) && subflow.accepted ? subflow : null;
  const plain = decodePlainSocket(message);
  return isCarrying(plain) && plain.ifindex !== 0 ? { ...plain, token: null } : null;
}

/** Finds the subflows that a try opened where there was one. */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';

/**
 * Of several subflows of one connection between the same addresses and to the same port, those that are not the first.
 * A try gives one more to each connection below the limit.
 * A subflow that is closing is none of them: its connection may have joined again since.
 * @param before the cookies of the sockets before the try, which are kept
 */
export function findDuplicates(
  address: string,
  sockets: readonly SubflowSocket[],
  before: ReadonlySet<number>,
): readonly SubflowSocket[] {
  const there = sockets.filter(({ local }) => local.address === address);
  const kept = there.filter((socket) => before.has(socket.cookie) && isCarrying(socket));
  const seen = new Set(kept.map(placeOf));
  return there.filter((socket) => {
    if (before.has(socket.cookie)) return false;
    const place = placeOf(socket);
    if (seen.has(place)) return true;
    seen.add(place);
    return false;
  });
}

const placeOf = ({ token, remote }: SubflowSocket): string => `${token} ${remote.address} ${remote.port}`;

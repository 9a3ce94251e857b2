/** Finds the subflows that a try opened where there was one. */
import type { SubflowSocket } from '../netlink/diag.ts';

/**
 * The newer of two subflows of one connection between the same addresses. A try gives one more to each connection that
 * had fewer subflows than the one that lost one.
 * @param tokens the connections for which the try was made
 * @param before the cookies of the sockets before it
 */
export function findDuplicates(
  address: string,
  sockets: readonly SubflowSocket[],
  { tokens, before }: { readonly tokens: ReadonlySet<number>; readonly before: ReadonlySet<number> },
): readonly SubflowSocket[] {
  const there = sockets.filter(({ local, token }) => local.address === address && !tokens.has(token));
  return there.filter(
    (socket) =>
      !before.has(socket.cookie) &&
      there.some(
        (other) =>
          before.has(other.cookie) &&
          other.token === socket.token &&
          other.remote.address === socket.remote.address,
      ),
  );
}

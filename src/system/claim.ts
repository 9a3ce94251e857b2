/**
 * Uses the network namespace itself as a lock, through membership in a multicast group of NETLINK_USERSOCK. A lock file
 * in /run is not enough, because a daemon in a container with the host's network has another /run. All processes of the
 * namespace can see the members of a group, only CAP_NET_ADMIN over the namespace permits joining it (netlink(7)), and
 * membership ends with the process.
 */
import { readlinkSync } from 'node:fs';
import { NETLINK_USERSOCK, openNetlink, readInNamespace } from './addon.ts';

/** One of 32 groups. Nothing is ever sent to it. */
const GROUP = 27;
/** BPF_RET | BPF_K with 0, linux/filter.h: drops all messages, since any user could send to a group. */
const NOTHING = new Uint8Array([6, 0, 0, 0, 0, 0, 0, 0]);
/** PID_MAX_LIMIT, linux/threads.h. */
const MAX_PID = 4 << 20;

export type Lock =
  | { readonly held: true }
  /** `holder` is the pid of the holding process in its pid namespace; `elsewhere` means that it has another /run. */
  | { readonly held: false; readonly holder: number | null; readonly elsewhere: boolean };

/** Claims the namespace until the process ends, however it ends. @throws SystemError EPERM without CAP_NET_ADMIN */
export function claimNamespace(netns?: string): Lock {
  const claimed = claim(netns);
  if (claimed.held) return claimed;
  // Two daemons that start at the same moment see each other, so each tries again after a random delay.
  sleep(20 + Math.random() * 100);
  return claim(netns);
}

/** Blocks for `time` milliseconds, because a daemon must do nothing before it has claimed its namespace. */
export function sleep(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}

function claim(netns: string | undefined): Lock {
  const ignore = (): void => undefined;
  const socket = openNetlink({
    protocol: NETLINK_USERSOCK,
    ...(netns === undefined ? {} : { netns }),
    onBatch: ignore,
    onOverrun: ignore,
    onError: ignore,
  });
  socket.unref();
  socket.filter(NOTHING);
  socket.join(GROUP);
  const others = members(readInNamespace('/proc/thread-self/net/netlink', netns)).filter(
    (portId) => portId !== socket.portId,
  );
  const [holder] = others;
  if (holder === undefined) return { held: true };
  socket.close();
  // The kernel assigns the pid as the port id of the first such socket of a process.
  return { held: false, holder: holder <= MAX_PID ? holder : null, elsewhere: !sharesMounts(holder) };
}

/** True for the same mount namespace, and so the same /run: its lock file was removed, and it will make a new one. */
function sharesMounts(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt');
  } catch {
    return false;
  }
}

/** Returns the port ids of the members. Columns: sk Eth Pid Groups ..., where Eth is the protocol. */
function members(table: string): number[] {
  const rows = table.matchAll(new RegExp(`^\\S+ +${NETLINK_USERSOCK} +(\\d+) +([0-9a-f]+) `, 'gm'));
  return [...rows]
    .filter(([, , groups]) => (Number.parseInt(groups!, 16) >>> (GROUP - 1)) & 1)
    .map(([, portId]) => Number(portId));
}

/**
 * The network namespace itself as a lock. The file in /run is not the same for two daemons of one namespace when one of
 * them is in a container with the host's network. Who is in a multicast group of NETLINK_USERSOCK is seen by all of the
 * namespace, only CAP_NET_ADMIN over it lets one in (netlink(7)), and whoever ends has left.
 */
import { readlinkSync } from 'node:fs';
import { NETLINK_USERSOCK, openNetlink, readInNamespace } from './addon.ts';

/** Of 32; nothing is ever sent to it. */
const GROUP = 27;
/** BPF_RET | BPF_K with 0, linux/filter.h: any user may send to a group, and nothing of it is to wake us. */
const NOTHING = new Uint8Array([6, 0, 0, 0, 0, 0, 0, 0]);
/** PID_MAX_LIMIT, linux/threads.h. */
const MAX_PID = 4 << 20;

export type Lock =
  | { readonly held: true }
  /** `holder`: pid of who has it. `elsewhere`: with another /run, and as its own pid namespace counts. */
  | { readonly held: false; readonly holder: number | null; readonly elsewhere: boolean };

/** Held until the process ends, however it ends. @throws SystemError EPERM without CAP_NET_ADMIN */
export function claimNamespace(netns?: string): Lock {
  const claimed = claim(netns);
  if (claimed.held) return claimed;
  // Two that start at the same moment find each other: each tries once more, at a moment of its own.
  sleep(20 + Math.random() * 100);
  return claim(netns);
}

/** In milliseconds; nothing else goes on before a daemon has its namespace. */
function sleep(time: number): void {
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
  // The kernel gives the first such socket of a process the pid for a port.
  return { held: false, holder: holder <= MAX_PID ? holder : null, elsewhere: !sharesMounts(holder) };
}

/** Whether its files are ours: then only its lock was removed, and it makes that again. */
function sharesMounts(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`) === readlinkSync('/proc/self/ns/mnt');
  } catch {
    return false;
  }
}

/** Port ids; columns: sk Eth Pid Groups ..., where Eth is the protocol. */
function members(table: string): number[] {
  const rows = table.matchAll(new RegExp(`^\\S+ +${NETLINK_USERSOCK} +(\\d+) +([0-9a-f]+) `, 'gm'));
  return [...rows]
    .filter(([, , groups]) => (Number.parseInt(groups!, 16) >>> (GROUP - 1)) & 1)
    .map(([, portId]) => Number(portId));
}

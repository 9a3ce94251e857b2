/** The native addon: sockets and child processes with features that Node lacks. It does not decode messages. */
import { loadAddon } from './load-addon.ts';
import { namingFamily, SystemError } from './system-error.ts';

export { errnoName, SystemError } from './system-error.ts';

/** Netlink protocol numbers, linux/netlink.h. */
export const NETLINK_ROUTE = 0;
export const NETLINK_USERSOCK = 2;
export const NETLINK_SOCK_DIAG = 4;
export const NETLINK_GENERIC = 16;

export interface NetlinkSocketOptions {
  /** NETLINK_ROUTE 0, NETLINK_USERSOCK 2, NETLINK_SOCK_DIAG 4, NETLINK_GENERIC 16; netlink(7). */
  protocol: number;
  /** Path of a namespace file (/run/netns/x, /proc/PID/ns/net); omitted: the caller's namespace. */
  netns?: string;
  /** Requested receive buffer in bytes: SO_RCVBUFFORCE, then SO_RCVBUF; omitted: the system's default. */
  receiveBuffer?: number;
  /**
   * Called once per readiness with all datagrams of the kernel: their bytes, and a flat list of the offset and length
   * of each. The callee owns the buffer. The calls are never nested.
   */
  onBatch: (buffer: Buffer, spans: Uint32Array) => void;
  /** The kernel dropped messages (ENOBUFS) or a datagram was truncated; the socket still works. */
  onOverrun: () => void;
  /** The socket failed permanently; it is closed when this returns. */
  onError: (error: SystemError) => void;
}

/**
 * An open netlink socket. Extended acknowledgements (NETLINK_EXT_ACK, NETLINK_CAP_ACK) and strict checking
 * (NETLINK_GET_STRICT_CHK) are on if the kernel has them. After `close`, all calls fail with SystemError EBADF.
 */
export interface NetlinkSocket {
  /** The socket's nl_pid. */
  readonly portId: number;
  /** The value of getsockopt in bytes, which is twice the requested one, socket(7). */
  readonly receiveBuffer: number;
  /** SO_NETNS_COOKIE: the same for all sockets of one namespace until the next boot; 0n on kernels without it. */
  readonly netnsCookie: bigint;
  /** Number of datagrams from other processes that were dropped. */
  readonly foreign: number;
  /** NETLINK_ADD_MEMBERSHIP. @throws SystemError */
  join(group: number): void;
  /** NETLINK_DROP_MEMBERSHIP. @throws SystemError */
  leave(group: number): void;
  /** SO_ATTACH_FILTER: 1 to 4096 struct sock_filter of 8 bytes, host order; linux/filter.h. @throws SystemError */
  filter(program: Uint8Array): void;
  /**
   * Sends to the kernel, whose handler runs within sendmsg(2): at once, or from a thread if the handler `waits`
   * (default false) or another process holds the kernel's locks. The bytes are copied before this returns. Sends keep
   * their order; a reply can arrive before the promise resolves. Rejects with SystemError, ECANCELED when the socket
   * was closed before.
   */
  send(bytes: Uint8Array, options?: { readonly waits: boolean }): Promise<void>;
  /** Keeps the process alive, as an open socket does. */
  ref(): void;
  unref(): void;
  /** May be called more than once. Afterwards no callback is called, and every pending send settles. */
  close(): void;
}

export interface SocketAddress {
  address: string;
  port: number;
}

export interface StreamSocketOptions {
  /** Path of a namespace file; omitted: the caller's namespace. */
  netns?: string;
  /** Default `mptcp`. */
  protocol?: 'mptcp' | 'tcp';
  /** Binds, sets SO_REUSEADDR and listens. The default backlog is 511, as in Node. */
  listen?: SocketAddress & { backlog?: number };
  /** Local address of a socket that will connect. */
  bind?: SocketAddress;
  /** SO_BINDTODEVICE: an interface's name. */
  device?: string;
}

interface NativeNetlink extends Omit<NetlinkSocket, 'send'> {
  /** Calls `settled` once. */
  transmit(bytes: Uint8Array, waits: boolean, settled: (error: SystemError | undefined) => void): void;
}

interface Addon {
  setErrorClass(constructor: typeof SystemError): void;
  Netlink: new (
    protocol: number,
    netns: string | undefined,
    receiveBuffer: number,
    onBatch: NetlinkSocketOptions['onBatch'],
    onOverrun: NetlinkSocketOptions['onOverrun'],
    onError: NetlinkSocketOptions['onError'],
  ) => NativeNetlink;
  readInNamespace(path: string, netns: string | undefined): string;
  sendDatagram(path: string, bytes: Uint8Array): void;
  streamSocket(
    ipv6: boolean,
    mptcp: boolean,
    netns: string | undefined,
    device: string | undefined,
    address: string | undefined,
    port: number,
    backlog: number,
  ): number;
  datagramSocket(
    ipv6: boolean,
    protocol: number,
    netns: string | undefined,
    device: string | undefined,
    address: string | undefined,
  ): number;
  peerCredentials(fd: number): PeerCredentials;
  flock(fd: number): boolean;
  asFileUser<Result>(uid: number, gid: number, callback: () => Result): Result;
  onHangUp(fd: number, callback: () => void): boolean;
  executeInNamespace(netns: string, args: readonly string[]): never;
  spawnGroup(
    fd: number,
    argv: readonly string[],
    environment: readonly string[],
    uid: number,
    gid: number,
  ): SpawnedGroup;
  exitOf(pid: number): ChildExit | null;
  reap(pid: number): void;
}

/** A child process of `spawnGroup`. */
export interface SpawnedGroup {
  /** Also the id of its process group and of its session. */
  readonly pid: number;
  /** Descriptors of sockets, for `new net.Socket({ fd })`; the caller closes them. */
  readonly stdout: number;
  readonly stderr: number;
}

/** How a child process ended; one of the two values is null. */
export interface ChildExit {
  readonly status: number | null;
  /** Number of the signal, signal(7). */
  readonly signal: number | null;
}

export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

const addon = loadAddon() as Addon;
addon.setErrorClass(SystemError);

class Socket extends addon.Netlink implements NetlinkSocket {
  send(bytes: Uint8Array, { waits } = { waits: false }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.transmit(bytes, waits, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/**
 * Opens and binds a netlink socket, which keeps the process alive until `unref` or `close`.
 * @throws SystemError EPERM from `setns` without CAP_SYS_ADMIN over the namespace, ENOENT from `open`, ...
 * @throws TypeError for arguments of another shape
 */
export function openNetlink(options: NetlinkSocketOptions): NetlinkSocket {
  const { protocol, netns, receiveBuffer = 0, onBatch, onOverrun, onError } = options;
  return namingFamily(
    'AF_NETLINK',
    () => new Socket(protocol, netns, receiveBuffer, onBatch, onOverrun, onError),
  );
}

/**
 * Returns the text of a file of /proc/thread-self/net or /proc/sys/net, which show the reader's network namespace.
 * @param netns path of the file of the namespace to read in; omitted: the caller's namespace
 * @throws SystemError
 */
export function readInNamespace(path: string, netns?: string): string {
  return addon.readInNamespace(path, netns);
}

/**
 * Sends one unix datagram without blocking. A path that begins with `@` is an abstract name, as in sd_notify(3).
 * @throws SystemError EAGAIN when the receiver's queue is full, ENOENT, ECONNREFUSED, ...
 */
export function sendDatagram(path: string, bytes: Uint8Array): void {
  addon.sendDatagram(path, bytes);
}

/**
 * Creates a stream socket for Multipath TCP (IPPROTO_MPTCP 262, RFC 8684) and returns its descriptor, for
 * `new net.Socket({ fd })` and its `connect`, or for `server.listen({ fd })`.
 * @throws SystemError EPROTONOSUPPORT or ENOPROTOOPT without MPTCP in the kernel or with net.mptcp.enabled=0
 */
export function mptcpSocket(family: 'ipv4' | 'ipv6', options: StreamSocketOptions = {}): number {
  const { netns, protocol = 'mptcp', listen, bind, device } = options;
  if (family !== 'ipv4' && family !== 'ipv6') throw new TypeError("family must be 'ipv4' or 'ipv6'");
  if (protocol !== 'mptcp' && protocol !== 'tcp') throw new TypeError("protocol must be 'mptcp' or 'tcp'");
  if (listen && bind) throw new TypeError('a socket either listens or is bound to connect');
  const local = listen ?? bind;
  if (local && typeof local.address !== 'string') throw new TypeError('address must be a string');
  const backlog = listen ? (listen.backlog === undefined ? 511 : listen.backlog) : -1;
  const open = (): number =>
    addon.streamSocket(
      family === 'ipv6',
      protocol === 'mptcp',
      netns,
      device,
      local?.address,
      local ? local.port : 0,
      backlog,
    );
  return family === 'ipv4' ? namingFamily('AF_INET', open) : open();
}

/** Protocol numbers of datagram sockets, linux/in.h and linux/in6.h. */
const DATAGRAM = { udp: { ipv4: 17, ipv6: 17 }, icmp: { ipv4: 1, ipv6: 58 } } as const;

/**
 * Creates a datagram socket and returns its descriptor, for `bind({ fd })` of a socket of node:dgram. With `icmp` it is
 * a ping socket (icmp(7)): the kernel sets the identifier of what it sends.
 * @throws SystemError EACCES for `icmp` unless net.ipv4.ping_group_range includes a group of this process
 */
export function datagramSocket(
  family: 'ipv4' | 'ipv6',
  protocol: 'udp' | 'icmp',
  { netns, device, address }: { netns?: string; device?: string; address?: string } = {},
): number {
  const number = DATAGRAM[protocol]?.[family];
  if (typeof number !== 'number') throw new TypeError('family or protocol is not known');
  return addon.datagramSocket(family === 'ipv6', number, netns, device, address);
}

/** Returns the credentials of the peer of a connected unix socket: SO_PEERCRED, unix(7). @throws SystemError */
export function peerCredentials(fd: number): PeerCredentials {
  return addon.peerCredentials(fd);
}

/** Locks a file for this process: flock(2), LOCK_EX|LOCK_NB. False: another process has it. @throws SystemError */
export function flock(fd: number): boolean {
  return addon.flock(fd);
}

/** Calls `callback` with another user's rights over files: setfsuid(2). @throws SystemError EPERM */
export function asFileUser<Result>(uid: number, gid: number, callback: () => Result): Result {
  return addon.asFileUser(uid, gid, callback);
}

/**
 * Calls `callback` once when the last reader of a pipe, socket or terminal is gone (POLLERR, POLLHUP; poll(2)), even
 * while nothing is written. It does not keep the process alive.
 * @returns false when `fd` is a file, which has no reader
 * @throws SystemError
 */
export function onHangUp(fd: number, callback: () => void): boolean {
  return addon.onHangUp(fd, callback);
}

/**
 * Replaces this process by the program `args[0]` inside the network namespace. execve(2) moves the whole process to the
 * namespace of the calling thread; setns(2) alone moves only the thread.
 * @throws SystemError EPERM from `setns` without CAP_SYS_ADMIN over the namespace, ENOENT from `open`, ...
 */
export function executeInNamespace(netns: string, args: readonly string[]): never {
  return addon.executeInNamespace(netns, args);
}

/**
 * Executes an open file in a new session and process group, with `/` as its working folder, umask 022, no input, no
 * signal ignored or blocked, and the file itself as descriptor 3. Unlike a child of node:child_process it is not
 * reaped when it exits, so until `reap` its pid is not reused for another process or group.
 * @param environment "NAME=value" each
 * @param identity null: the caller's user and groups; otherwise this identity without supplementary groups, except
 * that those of the caller stay where the kernel forbids setgroups(2)
 * @throws SystemError ENOENT, EACCES, ... from `execve`, EPERM from `setresuid`, ...
 */
export function spawnGroup(
  fd: number,
  argv: readonly string[],
  environment: readonly string[],
  identity: { readonly uid: number; readonly gid: number } | null,
): SpawnedGroup {
  return addon.spawnGroup(fd, argv, environment, identity?.uid ?? -1, identity?.gid ?? -1);
}

/** Returns how a child of `spawnGroup` ended, or null while it runs; does not reap it (WNOWAIT). @throws SystemError */
export function exitOf(pid: number): ChildExit | null {
  return addon.exitOf(pid);
}

/** Reaps a child of `spawnGroup` that has ended: this frees its pid. @throws SystemError ECHILD: reaped before */
export function reap(pid: number): void {
  addon.reap(pid);
}

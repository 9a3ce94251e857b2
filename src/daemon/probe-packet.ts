/** Sends one probe over one uplink, from its address and bound to its device, so that no route leads it elsewhere. */
import { Socket } from 'node:net';
import type { ProbeTarget } from '../rules/probe-target.ts';
import { datagramSocket, mptcpSocket } from '../system/addon.ts';
import { SystemError } from '../system/system-error.ts';

export interface ProbePath {
  readonly interface: string;
  readonly address: string;
}

export interface ProbeOptions {
  /** Path of a namespace file; undefined: the process's own namespace. */
  readonly netns: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
}

/** The result of a probe; `error`: it could not be sent, which shows nothing about the path. */
export type ProbeResult = 'answered' | 'unanswered' | { readonly error: SystemError };

/** Never rejects. */
export async function probe(
  target: ProbeTarget,
  path: ProbePath,
  options: ProbeOptions,
): Promise<ProbeResult> {
  try {
    return (await METHODS[target.method](target, path, options)) ? 'answered' : 'unanswered';
  } catch (error) {
    if (error instanceof SystemError) return { error };
    throw error;
  }
}

type Method = (target: ProbeTarget, path: ProbePath, options: ProbeOptions) => Promise<boolean>;

const METHODS: Readonly<Record<ProbeTarget['method'], Method>> = { icmp: ping, tcp: connect, http: head };

const ICMP_ECHO = 8;
const ICMP_ECHOREPLY = 0;
const ICMPV6_ECHO_REQUEST = 128;
const ICMPV6_ECHO_REPLY = 129;
/** Type, code, checksum, identifier, sequence number (RFC 792, RFC 4443); the kernel sets checksum and identifier. */
const ICMP_HEADER_BYTES = 8;
/** node:dgram refuses port 0, and the kernel ignores it. */
const NO_PORT = 1;

async function ping(
  { family, address }: ProbeTarget,
  path: ProbePath,
  { netns, timeout }: ProbeOptions,
): Promise<boolean> {
  const { createSocket } = await import('node:dgram');
  const v6 = family === 'ipv6';
  const fd = datagramSocket(family, 'icmp', {
    ...(netns === undefined ? {} : { netns }),
    ...{ device: path.interface, address: path.address },
  });
  const socket = createSocket(v6 ? 'udp6' : 'udp4');
  const request = Buffer.alloc(ICMP_HEADER_BYTES);
  request[0] = v6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
  const reply = v6 ? ICMPV6_ECHO_REPLY : ICMP_ECHOREPLY;
  try {
    return await settledWithin(timeout, (settle) => {
      // The kernel passes only replies with the identifier of this socket.
      socket.on('message', (message) => settle(message[0] === reply));
      socket.on('error', () => settle(false));
      socket.bind({ fd }, () => socket.send(request, NO_PORT, address, (error) => error && settle(false)));
    });
  } finally {
    socket.close();
  }
}

/** A refused connection is an answer too: the target received the packet. */
async function connect(
  target: ProbeTarget,
  path: ProbePath,
  { netns, timeout }: ProbeOptions,
): Promise<boolean> {
  const socket = openStream(target, path, netns);
  try {
    return await settledWithin(timeout, (settle) => {
      socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(code === 'ECONNREFUSED'));
      socket.connect({ host: target.address, port: target.port }, () => settle(true));
    });
  } finally {
    socket.destroy();
  }
}

/** Any HTTP response is an answer. */
async function head(
  target: ProbeTarget,
  path: ProbePath,
  { netns, timeout }: ProbeOptions,
): Promise<boolean> {
  const { request } = await import('node:http');
  const { address: host, port } = target;
  const socket = openStream(target, path, netns);
  try {
    return await settledWithin(timeout, (settle) => {
      // Without an agent, which would open a connection of its own.
      const sent = request({
        ...{ method: 'HEAD', host, port, path: target.path },
        createConnection: () => socket.connect({ host, port }),
      });
      sent.once('response', () => settle(true));
      sent.on('error', () => settle(false));
      sent.end();
    });
  } finally {
    socket.destroy();
  }
}

/** Plain TCP: a subflow of MPTCP could answer over another uplink. */
const openStream = ({ family }: ProbeTarget, path: ProbePath, netns: string | undefined): Socket =>
  new Socket({
    fd: mptcpSocket(family, {
      ...(netns === undefined ? {} : { netns }),
      ...{ protocol: 'tcp', bind: { address: path.address, port: 0 }, device: path.interface },
    }),
  });

/** Resolves with the first value that is settled; false after the time-out. */
async function settledWithin(
  timeout: number,
  begin: (settle: (value: boolean) => void) => void,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeout);
      begin(resolve);
    });
  } finally {
    clearTimeout(timer);
  }
}

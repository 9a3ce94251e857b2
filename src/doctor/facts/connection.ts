/** Makes test connections, one over loopback and one over each active uplink, and closes each at once. */
import { once } from 'node:events';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { dumpConnectionSockets, dumpSubflowSockets } from '../../netlink/diag.ts';
import type { Requester } from '../../netlink/connection.ts';
import { NetlinkError } from '../../netlink/error.ts';
import { addressFamily, unmapIPv4, type Family } from '../../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_SUBFLOW } from '../../netlink/mptcp/endpoint.ts';
import type { Snapshot } from '../../snapshot/snapshot.ts';
import { mptcpSocket } from '../../system/addon.ts';
import { SystemError } from '../../system/system-error.ts';
import type { ConnectionFacts } from '../facts.ts';

/** Milliseconds for connecting. */
const CONNECT_MS = 5_000;
/** Milliseconds for the joins. A join's first SYN may be lost on a fresh link and is repeated after one second. */
const JOINS_MS = 2_500;
const POLL_MS = 50;
/** Uses the first family without subflow endpoints: their SYN would leave the host instead of reaching loopback. */
const LOOPBACK: readonly (readonly [Family, string])[] = [
  ['ipv4', '127.0.0.1'],
  ['ipv6', '::1'],
];

type ConnectionOutcome = ConnectionFacts['outcome'];

export interface Attempt {
  readonly family: Family;
  readonly host: string;
  readonly port: number;
  readonly bind: { readonly address: string; readonly device: string } | null;
  /** Local addresses from which a subflow is expected. */
  readonly expected: readonly string[];
}

export async function tryLoopback(diag: Requester, snapshot: Snapshot): Promise<ConnectionFacts> {
  const joined = new Set(
    snapshot.endpoints
      .filter(({ flags }) => flags & MPTCP_PM_ADDR_FLAG_SUBFLOW)
      .map((endpoint) => addressFamily(unmapIPv4(endpoint.address))),
  );
  const there = LOOPBACK.filter(([, own]) => snapshot.addresses.some(({ address }) => address === own));
  const [family, host] = there.find(([each]) => !joined.has(each)) ?? there[0] ?? LOOPBACK[0]!;
  const common = { uplink: null, peer: host };
  try {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.resume();
    });
    server.listen({ fd: mptcpSocket(family, { listen: { address: host, port: 0, backlog: 4 } }) });
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const outcome = await attempt(diag, { family, host, port, bind: null, expected: [] });
      return { ...common, outcome };
    } finally {
      server.close();
    }
  } catch (error) {
    return { ...common, outcome: failed(error) };
  }
}

export async function attempt(diag: Requester, wanted: Attempt): Promise<ConnectionOutcome> {
  const { family, bind, host, port } = wanted;
  let socket: Socket | null = null;
  try {
    const options = bind ? { bind: { address: bind.address, port: 0 }, device: bind.device } : {};
    socket = new Socket({ fd: mptcpSocket(family, options) });
    const connection = socket;
    let received = false;
    connection.on('data', () => (received = true));
    connection.connect({ host, port });
    const signal = AbortSignal.timeout(CONNECT_MS);
    await once(connection, 'connect', { signal });
    // A reset by the peer after the connect is not an error of the test.
    connection.on('error', () => undefined);
    return await inspect(diag, connection.localPort ?? 0, wanted, () => received);
  } catch (error) {
    return failed(error);
  } finally {
    socket?.destroy();
  }
}

async function inspect(
  diag: Requester,
  localPort: number,
  { port, expected }: Attempt,
  isReceived: () => boolean,
): Promise<ConnectionOutcome> {
  const fallback = await isTcp(diag, localPort, port);
  if (fallback === true) return { kind: 'tcp' };
  const end = performance.now() + JOINS_MS;
  for (;;) {
    const sockets = await dumpSubflowSockets(diag);
    const first = sockets.find(({ local, remote }) => local.port === localPort && remote.port === port);
    if (!first)
      return fallback === false
        ? { kind: 'mptcp', received: isReceived(), subflows: [], missing: [] }
        : { kind: 'unknown', why: 'this kernel has no mptcp_diag, and shows subflows only to root' };
    const subflows = sockets
      .filter(({ token, state }) => token === first.token && state === 'ESTAB')
      .map(({ local }) => local.address);
    const missing = expected.filter((address) => !subflows.includes(address));
    if (missing.length === 0 || performance.now() > end)
      return { kind: 'mptcp', received: isReceived(), subflows: [...new Set(subflows)], missing };
    await sleep(POLL_MS);
  }
}

/** @returns null when the kernel does not show it */
async function isTcp(diag: Requester, localPort: number, port: number): Promise<boolean | null> {
  try {
    const sockets = await dumpConnectionSockets(diag);
    return (
      sockets.find(({ local, remote }) => local.port === localPort && remote.port === port)?.fallback ?? null
    );
  } catch (error) {
    if (error instanceof NetlinkError) return null;
    throw error;
  }
}

function failed(error: unknown): ConnectionOutcome {
  if (error instanceof SystemError) return { kind: 'failed', code: error.code };
  if (error instanceof Error && error.name === 'AbortError')
    return { kind: 'failed', code: 'no answer in 5 s' };
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === 'string') return { kind: 'failed', code };
  throw error;
}

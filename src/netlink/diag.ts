/** TCP sockets that are subflows of MPTCP connections: sock_diag(7), linux/inet_diag.h, linux/mptcp.h. */
import { Attributes, DecodeError } from './attribute.ts';
import { readU32, Writer } from './bytes.ts';
import type { Requester } from './connection.ts';
import { familyNumber, mappedOf, readAddress, type Family } from './ip.ts';
import type { Message } from './message.ts';

const SOCK_DIAG_BY_FAMILY = 20;
const IPPROTO_TCP = 6;
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_NAME = 1;
const INET_ULP_INFO_MPTCP = 3;
const MPTCP_SUBFLOW_ATTR_TOKEN_LOC = 2;
/** Every state but LISTEN, TIME_WAIT and CLOSE. */
const STATES = 0xfff & ~((1 << 10) | (1 << 6) | (1 << 7));

export interface SubflowSocket {
  /** Names the connection on this host. */
  readonly token: number;
  readonly local: { readonly address: string; readonly port: number };
  readonly remote: { readonly address: string; readonly port: number };
  /** SO_BINDTODEVICE's index; 0: none. */
  readonly ifindex: number;
}

/** struct inet_diag_msg: family, state, timer, retrans, then inet_diag_sockid (ports, addresses, index). */
export function decodeSubflowSocket(message: Message): SubflowSocket | null {
  const { payload } = message;
  if (payload.length < 72) throw new DecodeError('socket message without inet_diag_msg');
  const family: Family = payload.readUInt8(0) === familyNumber('ipv6') ? 'ipv6' : 'ipv4';
  const ulp = new Attributes(payload.subarray(72)).nested(INET_DIAG_ULP_INFO);
  if (ulp?.string(INET_ULP_INFO_NAME) !== 'mptcp') return null;
  const token = ulp.nested(INET_ULP_INFO_MPTCP)?.u32(MPTCP_SUBFLOW_ATTR_TOKEN_LOC);
  if (token === undefined) return null;
  const side = (port: number, address: number) => ({
    address: mappedOf(readAddress(family, payload.subarray(address, address + 16))),
    port: payload.readUInt16BE(port),
  });
  return { token, local: side(4, 8), remote: side(6, 24), ifindex: readU32(payload, 40) };
}

export async function dumpSubflowSockets(requester: Requester): Promise<SubflowSocket[]> {
  const sockets: SubflowSocket[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const payload = new Writer()
      .u8(familyNumber(family))
      .u8(IPPROTO_TCP)
      // INET_DIAG_INFO: without it the kernel leaves the ULP's information out, too.
      .u8(1 << (2 - 1))
      .u8(0)
      .u32(STATES)
      .bytes(Buffer.alloc(48))
      .done();
    const messages = await requester.dump({ operation: 'socket show', type: SOCK_DIAG_BY_FAMILY, payload });
    sockets.push(...messages.map(decodeSubflowSocket).filter((socket) => socket !== null));
  }
  return sockets;
}

/** Sockets of MPTCP connections and of their subflows: sock_diag(7), linux/inet_diag.h, linux/tcp.h, linux/mptcp.h. */
import { DecodeError, NLA_TYPE_MASK } from './attribute.ts';
import { align4, readU16, readU32, Writer } from './bytes.ts';
import type { Requester } from './connection.ts';
import { addressBytes, familyNumber, IPPROTO_TCP, unmapIPv4, readAddress, type Family } from './ip.ts';
import type { Message } from './message.ts';
import { readTraffic, TCP_STATES, type ByteRange, type Traffic } from './tcp-info.ts';

const TCPDIAG_GETSOCK = 18;
const SOCK_DIAG_BY_FAMILY = 20;
/** Does not fit into the request's protocol byte, so it is sent as an attribute. */
const IPPROTO_MPTCP = 262;
const INET_DIAG_REQ_BYTECODE = 1;
const INET_DIAG_REQ_PROTOCOL = 3;
const INET_DIAG_BC_JMP = 1;
const INET_DIAG_BC_S_COND = 7;
const INET_DIAG_INFO = 2;
/** Without INET_DIAG_INFO the kernel omits the ULP's information, too. */
const EXTENSIONS = 1 << (INET_DIAG_INFO - 1);
const INET_DIAG_ULP_INFO = 19;
const INET_ULP_INFO_NAME = 1;
const INET_ULP_INFO_MPTCP = 3;
const MPTCP_SUBFLOW_ATTR_TOKEN_LOC = 2;
const MPTCP_SUBFLOW_ATTR_FLAGS = 8;
const MPTCP_SUBFLOW_ATTR_ID_REM = 9;
const MPTCP_SUBFLOW_ATTR_ID_LOC = 10;
const MPTCP_SUBFLOW_FLAG_MCAP_REM = 1 << 0;
const MPTCP_SUBFLOW_FLAG_MCAP_LOC = 1 << 1;
const MPTCP_SUBFLOW_FLAG_JOIN_LOC = 1 << 3;
const MPTCP_SUBFLOW_FLAG_BKUP_REM = 1 << 4;
const MPTCP_SUBFLOW_FLAG_BKUP_LOC = 1 << 5;
const MPTCP_SUBFLOW_FLAG_FULLY_ESTABLISHED = 1 << 6;
const ACCEPTED =
  MPTCP_SUBFLOW_FLAG_MCAP_REM | MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_FULLY_ESTABLISHED;
const MPTCP_INFO_FLAG_FALLBACK = 1 << 0;
/** Bit mask of all states but LISTEN, TIME_WAIT and CLOSE. */
const STATES = 0xfff & ~((1 << 10) | (1 << 6) | (1 << 7));

export interface Side {
  readonly address: string;
  readonly port: number;
}

export interface SubflowSocket {
  /** Identifies the connection on this host. */
  readonly token: number;
  readonly local: Side;
  readonly remote: Side;
  /** Index of the device that the socket is bound to (SO_BINDTODEVICE); 0: none. */
  readonly ifindex: number;
  /** Identifies the socket until the next boot. */
  readonly cookie: number;
  /** `ESTAB`, `SYN-SENT` and so on, as in ss(8). */
  readonly state: string;
  /** This host opened it. */
  readonly opened: boolean;
  /**
   * The first of its connection, or the peer has accepted it (RFC 8684 section 3.2): one that is only established may
   * still be refused.
   */
  readonly accepted: boolean;
  /** Which sides asked for data to use other subflows if possible (RFC 8684 section 3.3.8). */
  readonly backup: { readonly local: boolean; readonly remote: boolean };
  /** Address identifiers (RFC 8684 section 3.2); 0: those of the first subflow. */
  readonly ids: { readonly local: number; readonly remote: number };
  /** From TCP_INFO; null: the kernel did not report it. */
  readonly traffic: Traffic | null;
  /** struct inet_diag_sockid and the address family, which name the socket in a request. */
  readonly sockid: SocketId;
}

export interface SocketId {
  readonly family: number;
  readonly bytes: Buffer;
}

export interface ConnectionSocket {
  readonly token: number;
  readonly local: Side;
  readonly remote: Side;
  readonly state: string;
  /** The connection uses plain TCP, because the peer or a middlebox does not support MPTCP. */
  readonly fallback: boolean;
  /** Subflows in addition to the first, as the kernel compares them with the limit. */
  readonly extraSubflows: number;
  /** Milliseconds since data arrived that was next in sequence; null: the kernel is older than 6.10. */
  readonly sinceData: number | null;
}

/** A TCP socket that is no subflow. Its fields are those of a subflow's socket. */
export type PlainSocket = Pick<SubflowSocket, 'local' | 'remote' | 'ifindex' | 'state'>;

const CARRYING = new Set(['ESTAB', 'CLOSE-WAIT']);

/** Whether a socket can carry data. One that is being opened or closed keeps no connection open. */
export const isCarrying = ({ state }: Pick<SubflowSocket, 'state'>): boolean => CARRYING.has(state);

/**
 * Size of struct inet_diag_msg: family, state, timer, retrans, then
 * inet_diag_sockid (ports, addresses, index, cookie).
 */
const DIAG_MSG = 72;
/** Where inet_diag_sockid begins, and its size. */
const SOCKID = 4;
const SOCKID_LENGTH = 48;
/** Offset of mptcpi_last_data_recv in struct mptcp_info. */
const LAST_DATA_RECV = 88;
/** Size of struct mptcp_info up to and including mptcpi_token. */
const MPTCP_INFO = 16;

/**
 * @returns null: the socket is no subflow, or an older kernel does not show its token without CAP_NET_ADMIN
 * @throws DecodeError
 */
export function decodeSubflowSocket(message: Message): SubflowSocket | null {
  const { payload } = message;
  checkLength(payload);
  const ulp = find(payload, DIAG_MSG, payload.length, INET_DIAG_ULP_INFO);
  if (!ulp) return null;
  const name = find(payload, ulp.from, ulp.to, INET_ULP_INFO_NAME);
  if (!name || payload.toString('latin1', name.from, name.to) !== 'mptcp\0') return null;
  const mptcp = find(payload, ulp.from, ulp.to, INET_ULP_INFO_MPTCP);
  const token = mptcp && numberIn(payload, mptcp, MPTCP_SUBFLOW_ATTR_TOKEN_LOC, 4);
  if (!mptcp || token === undefined) return null;
  const flags = numberIn(payload, mptcp, MPTCP_SUBFLOW_ATTR_FLAGS, 4) ?? 0;
  const info = find(payload, DIAG_MSG, payload.length, INET_DIAG_INFO);
  return {
    token,
    ...decodePlainSocket(message),
    cookie: readU32(payload, 48) * 2 ** 32 + readU32(payload, 44),
    opened: (flags & (MPTCP_SUBFLOW_FLAG_MCAP_LOC | MPTCP_SUBFLOW_FLAG_JOIN_LOC)) !== 0,
    accepted: (flags & ACCEPTED) !== 0,
    backup: {
      local: (flags & MPTCP_SUBFLOW_FLAG_BKUP_LOC) !== 0,
      remote: (flags & MPTCP_SUBFLOW_FLAG_BKUP_REM) !== 0,
    },
    ids: {
      local: numberIn(payload, mptcp, MPTCP_SUBFLOW_ATTR_ID_LOC, 1) ?? 0,
      remote: numberIn(payload, mptcp, MPTCP_SUBFLOW_ATTR_ID_REM, 1) ?? 0,
    },
    traffic: info ? readTraffic(payload, info) : null,
    sockid: { family: payload.readUInt8(0), bytes: payload.subarray(SOCKID, SOCKID + SOCKID_LENGTH) },
  };
}

/** A socket of TCP, which may be a subflow. @throws DecodeError */
export function decodePlainSocket({ payload }: Message): PlainSocket {
  checkLength(payload);
  const state = TCP_STATES[payload.readUInt8(1)] ?? 'UNKNOWN';
  return { ...sides(payload), ifindex: readU32(payload, 40), state };
}

/**
 * @returns null: the socket has no struct mptcp_info
 * @throws DecodeError
 */
export function decodeConnectionSocket({ payload }: Message): ConnectionSocket | null {
  checkLength(payload);
  const info = find(payload, DIAG_MSG, payload.length, INET_DIAG_INFO);
  if (!info || info.to - info.from < MPTCP_INFO) return null;
  return {
    token: readU32(payload, info.from + 12),
    ...sides(payload),
    state: TCP_STATES[payload.readUInt8(1)] ?? 'UNKNOWN',
    fallback: (readU32(payload, info.from + 8) & MPTCP_INFO_FLAG_FALLBACK) !== 0,
    extraSubflows: payload.readUInt8(info.from),
    sinceData:
      info.to - info.from >= LAST_DATA_RECV + 4 ? readU32(payload, info.from + LAST_DATA_RECV) : null,
  };
}

/**
 * The subflow sockets of the namespace. `sources`: only those with these local addresses, which the kernel selects.
 * @throws NetlinkError, DecodeError
 */
export const dumpSubflowSockets = (
  requester: Requester,
  sources: readonly string[] = [],
): Promise<SubflowSocket[]> => dumpSockets(requester, decodeSubflowSocket, sources);

/**
 * Program for inet_diag_bc_run() that accepts the sockets with one of these local addresses. Offsets are in bytes; one
 * that is 4 past the end refuses.
 */
function fromAddresses(addresses: readonly string[]): Buffer {
  const last = fromAddress(addressBytes(addresses.at(-1)!));
  return addresses.slice(0, -1).reduceRight((rest, address) => {
    // After the condition: if it holds, past the rest.
    const accept = new Writer()
      .u8(INET_DIAG_BC_JMP)
      .u8(4)
      .u16(4 + rest.length)
      .done();
    return Buffer.concat([fromAddress(addressBytes(address)), accept, rest]);
  }, last);
}

/** One struct inet_diag_bc_op with struct inet_diag_hostcond. If it does not hold, the next 4 bytes are skipped. */
function fromAddress(address: Buffer): Buffer {
  const length = 12 + address.length;
  const family = familyNumber(address.length === 4 ? 'ipv4' : 'ipv6');
  return new Writer()
    .u8(INET_DIAG_BC_S_COND)
    .u8(length)
    .u16(length + 4)
    .u8(family)
    .u8(address.length * 8)
    .u16(0)
    .s32(-1)
    .bytes(address)
    .done();
}

/**
 * All MPTCP sockets of the namespace.
 * @throws NetlinkError ENOENT if the kernel has no mptcp_diag
 */
export async function dumpConnectionSockets(requester: Requester): Promise<ConnectionSocket[]> {
  const sockets: ConnectionSocket[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    // struct inet_diag_req_v2
    const payload = new Writer()
      .u8(familyNumber(family))
      .u8(IPPROTO_TCP)
      .u8(EXTENSIONS)
      .u8(0)
      .u32(STATES)
      .bytes(Buffer.alloc(SOCKID_LENGTH))
      .attributeU32(INET_DIAG_REQ_PROTOCOL, IPPROTO_MPTCP)
      .done();
    sockets.push(...(await dump(requester, SOCK_DIAG_BY_FAMILY, payload, decodeConnectionSocket)));
  }
  return sockets;
}

/**
 * TCP sockets for which `decode` returns a value. The older form of the request (struct inet_diag_req) gives both
 * families; the newer one needs a request for each, and the kernel walks the host's whole table for each request, which
 * takes it about a millisecond.
 * @param sources as in dumpSubflowSockets
 * @throws NetlinkError, DecodeError
 */
export function dumpSockets<T>(
  requester: Requester,
  decode: (message: Message) => T | null,
  sources: readonly string[] = [],
): Promise<T[]> {
  const request = new Writer()
    .bytes(Buffer.from([0, 0, 0, EXTENSIONS]))
    .bytes(Buffer.alloc(SOCKID_LENGTH))
    .u32(STATES)
    .u32(0);
  if (sources.length > 0) request.attributeBytes(INET_DIAG_REQ_BYTECODE, fromAddresses(sources));
  return dump(requester, TCPDIAG_GETSOCK, request.done(), decode);
}

async function dump<T>(
  requester: Requester,
  type: number,
  payload: Buffer,
  decode: (message: Message) => T | null,
): Promise<T[]> {
  const sockets: T[] = [];
  for (const message of await requester.dump({ operation: 'socket show', type, payload })) {
    const socket = decode(message);
    if (socket) sockets.push(socket);
  }
  return sockets;
}

function sides(payload: Buffer): { local: Side; remote: Side } {
  const family: Family = payload.readUInt8(0) === familyNumber('ipv6') ? 'ipv6' : 'ipv4';
  const side = (port: number, address: number): Side => ({
    address: unmapIPv4(readAddress(family, payload.subarray(address, address + 16))),
    port: payload.readUInt16BE(port),
  });
  return { local: side(4, 8), remote: side(6, 24) };
}

function checkLength(payload: Buffer): void {
  if (payload.length < DIAG_MSG) throw new DecodeError('socket message without inet_diag_msg');
}

/** Where the value of an attribute is, without copying it: there may be 20,000 sockets per second. */
function find(bytes: Buffer, from: number, to: number, type: number): ByteRange | undefined {
  for (let at = from; at + 4 <= to;) {
    const length = readU16(bytes, at);
    if (length < 4 || at + length > to) throw new DecodeError(`attribute at ${at} claims ${length} bytes`);
    if ((readU16(bytes, at + 2) & NLA_TYPE_MASK) === type) return { from: at + 4, to: at + length };
    at += align4(length);
  }
  return undefined;
}

function numberIn(bytes: Buffer, nest: ByteRange, type: number, size: 1 | 4): number | undefined {
  const value = find(bytes, nest.from, nest.to, type);
  if (!value) return undefined;
  if (value.to - value.from < size) throw new DecodeError(`attribute ${type} has not ${size} bytes`);
  return size === 1 ? bytes.readUInt8(value.from) : readU32(bytes, value.from);
}

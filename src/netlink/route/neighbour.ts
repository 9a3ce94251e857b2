/** Neighbours: ARP and neighbour discovery entries, struct ndmsg (linux/neighbour.h). */
import { Attributes, DecodeError } from '../attribute.ts';
import { readU16, readU32, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import { addressBytes, addressFamily, AF_INET, familyNumber, readAddress } from '../ip.ts';

export const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

const NDA_DST = 1;
const NDA_CACHEINFO = 3;
const NDA_IFINDEX = 8;
export const NUD_INCOMPLETE = 0x01;
export const NUD_FAILED = 0x20;

function encode(address: string, ifindex: number): Buffer {
  return new Writer()
    .u8(familyNumber(addressFamily(address)))
    .bytes(Buffer.alloc(3))
    .s32(ifindex)
    .bytes(Buffer.alloc(4))
    .attributeBytes(NDA_DST, addressBytes(address))
    .done();
}

/**
 * Whether the host is looking for the address on the link, without an answer so far. An address behind a gateway has
 * no entry.
 * @throws NetlinkError other than ENOENT
 */
export async function isIncomplete(requester: Requester, address: string, ifindex: number): Promise<boolean> {
  try {
    return ((await stateOf(requester, address, ifindex)) & NUD_INCOMPLETE) !== 0;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** NUD_* of an entry; 0: not known. @throws NetlinkError ENOENT if there is none */
async function stateOf(requester: Requester, address: string, ifindex: number): Promise<number> {
  const [message] = await requester.request({
    operation: `neighbour show ${address}`,
    type: RTM_GETNEIGH,
    payload: encode(address, ifindex),
  });
  return message && message.payload.length >= 12 ? readU16(message.payload, 8) : 0;
}

/**
 * Deletes a neighbour entry that was not resolved. While a link has no carrier, retransmissions use up the entry's
 * probes. A SYN just after the carrier returns then gets EHOSTUNREACH (`ip monitor neigh`: FAILED), and MPTCP never
 * tries that path again. Errors of the kernel are ignored.
 */
export async function forgetUnresolved(
  requester: Requester,
  address: string,
  ifindex: number,
): Promise<void> {
  try {
    if (((await stateOf(requester, address, ifindex)) & (NUD_INCOMPLETE | NUD_FAILED)) === 0) return;
    await requester.request({
      operation: `neighbour delete ${address}`,
      type: RTM_DELNEIGH,
      payload: encode(address, ifindex),
    });
  } catch (error) {
    // A missing entry is the goal, and with any other error the path is no worse than before.
    if (!(error instanceof NetlinkError)) throw error;
  }
}

export interface Neighbour {
  readonly address: string;
  /** NUD_*. */
  readonly state: number;
  /** Milliseconds since it entered its state. */
  readonly age: number;
}

/** Size of struct ndmsg, and where struct nda_cacheinfo has ndm_updated, in hundredths of a second. */
const NDMSG = 12;
const NDM_UPDATED = 8;

/**
 * The IPv4 neighbours of a link, which the kernel selects.
 * @throws NetlinkError, DecodeError
 */
export async function dumpNeighbours(requester: Requester, ifindex: number): Promise<Neighbour[]> {
  const messages = await requester.dump({
    operation: `neighbour show dev ${ifindex}`,
    type: RTM_GETNEIGH,
    payload: new Writer()
      .u8(AF_INET)
      .bytes(Buffer.alloc(NDMSG - 1))
      .attributeU32(NDA_IFINDEX, ifindex)
      .done(),
  });
  return messages.flatMap(({ payload }): Neighbour[] => {
    if (payload.length < NDMSG) throw new DecodeError('neighbour message without ndmsg');
    const attributes = new Attributes(payload.subarray(NDMSG));
    const address = attributes.bytes(NDA_DST);
    const times = attributes.bytes(NDA_CACHEINFO, NDM_UPDATED + 4);
    if (payload.readUInt8(0) !== AF_INET || !address || !times) return [];
    const [state, age] = [readU16(payload, 8), readU32(times, NDM_UPDATED) * 10];
    return [{ address: readAddress('ipv4', address), state, age }];
  });
}

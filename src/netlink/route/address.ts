/** Addresses: RTM_GETADDR, struct ifaddrmsg (linux/if_addr.h). */
import { Attributes, DecodeError } from '../attribute.ts';
import { readU32, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { familyOf, readAddress, type Family } from '../ip.ts';
import type { Message } from '../message.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

/** Only for IPv6; for IPv4 the same bit is IFA_F_SECONDARY. */
export const IFA_F_TEMPORARY = 0x01;
export const IFA_F_SECONDARY = 0x01;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_DEPRECATED = 0x20;
export const IFA_F_TENTATIVE = 0x40;
/** The kernel did not add the connected route; the program that added the address may add one. */
export const IFA_F_NOPREFIXROUTE = 0x200;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;

export interface Address {
  readonly ifindex: number;
  readonly family: Family;
  /** The local address, also of a point-to-point address. */
  readonly address: string;
  /** The remote address of a point-to-point address; null: none. */
  readonly peer: string | null;
  /** Prefix length of the peer if there is one. */
  readonly prefixLength: number;
  /** All 32 IFA_F_* bits, from IFA_FLAGS. */
  readonly flags: number;
  /** RT_SCOPE_* (rtnetlink(7)): 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** Seconds until the address is deprecated; null: never. */
  readonly preferred: number | null;
  /** When it was added to the link, in hundredths of a second since the boot (cstamp of struct ifa_cacheinfo). */
  readonly created: number;
}

const FOREVER = 0xffff_ffff;

/**
 * @returns null: neither IPv4 nor IPv6
 * @throws DecodeError
 */
export function decodeAddress(message: Message): Address | null {
  const { payload } = message;
  if (payload.length < 8) throw new DecodeError('address message without ifaddrmsg');
  const family = familyOf(payload.readUInt8(0));
  if (!family) return null;
  const attributes = new Attributes(payload.subarray(8));
  const either = attributes.bytes(IFA_ADDRESS);
  const local = attributes.bytes(IFA_LOCAL) ?? either;
  if (!local) throw new DecodeError('address message without an address');
  const address = readAddress(family, local);
  const other = either ? readAddress(family, either) : address;
  const times = attributes.bytes(IFA_CACHEINFO, 12);
  const seconds = times ? readU32(times, 0) : FOREVER;
  return {
    ifindex: readU32(payload, 4),
    family,
    address,
    peer: other === address ? null : other,
    prefixLength: payload.readUInt8(1),
    flags: attributes.u32(IFA_FLAGS) ?? payload.readUInt8(2),
    scope: payload.readUInt8(3),
    preferred: seconds === FOREVER ? null : seconds,
    created: times ? readU32(times, 8) : 0,
  };
}

/**
 * All addresses of the namespace, in the kernel's order.
 * @throws NetlinkError, DecodeError
 */
export async function dumpAddresses(requester: Requester): Promise<Address[]> {
  const payload = new Writer().bytes(Buffer.alloc(8)).done();
  const messages = await requester.dump({ operation: 'address show', type: RTM_GETADDR, payload });
  return messages
    .filter((message) => message.type === RTM_NEWADDR)
    .map(decodeAddress)
    .filter((address) => address !== null);
}

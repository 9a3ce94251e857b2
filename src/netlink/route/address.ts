/** Addresses: RTM_GETADDR, struct ifaddrmsg (linux/if_addr.h). */
import { Attributes, DecodeError } from '../attribute.ts';
import { readU32, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { familyOf, readAddress, type Family } from '../ip.ts';
import type { Message } from '../message.ts';

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
const RTM_GETADDR = 22;

/** Of IPv6; of an IPv4 address the same bit is IFA_F_SECONDARY. */
export const IFA_F_TEMPORARY = 0x01;
export const IFA_F_SECONDARY = 0x01;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_DEPRECATED = 0x20;
export const IFA_F_TENTATIVE = 0x40;
/** The kernel has not made the connected route: whoever added the address does that himself, or not. */
export const IFA_F_NOPREFIXROUTE = 0x200;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;

export interface Address {
  readonly ifindex: number;
  readonly family: Family;
  /** The local side, of a point-to-point address too. */
  readonly address: string;
  /** The other side of a point-to-point address. */
  readonly peer: string | null;
  /** Of the peer where there is one. */
  readonly prefixLength: number;
  /** IFA_F_* bits; all 32, from IFA_FLAGS. */
  readonly flags: number;
  /** rtnetlink(7)'s RT_SCOPE_*: 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** Seconds for which it is still preferred; null: for ever. */
  readonly preferred: number | null;
  /** When it was added to the link: hundredths of a second since the boot (cstamp of struct ifa_cacheinfo). */
  readonly created: number;
}

const FOREVER = 0xffff_ffff;

/** null for families other than IPv4 and IPv6. */
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

export async function dumpAddresses(requester: Requester): Promise<Address[]> {
  const payload = new Writer().bytes(Buffer.alloc(8)).done();
  const messages = await requester.dump({ operation: 'address show', type: RTM_GETADDR, payload });
  return messages
    .filter((message) => message.type === RTM_NEWADDR)
    .map(decodeAddress)
    .filter((address) => address !== null);
}

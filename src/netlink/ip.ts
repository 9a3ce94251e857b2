/** IP addresses as text (RFC 5952) and in the bytes of netlink attributes. */
import ipaddr from 'ipaddr.js';
import { DecodeError } from './attribute.ts';

export type Family = 'ipv4' | 'ipv6';

export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const IPPROTO_TCP = 6;

/** AF_INET or AF_INET6. */
export const familyNumber = (family: Family): number => (family === 'ipv4' ? AF_INET : AF_INET6);
/** Bits of an address, which is also the prefix length of a host route. */
export const hostBits = (family: Family): number => (family === 'ipv4' ? 32 : 128);
/** `number`: AF_*; null: neither IPv4 nor IPv6. */
export const familyOf = (number: number): Family | null =>
  number === AF_INET ? 'ipv4' : number === AF_INET6 ? 'ipv6' : null;

/** @throws DecodeError `bytes` is shorter than an address of the family */
export function readAddress(family: Family, bytes: Buffer): string {
  const length = hostBits(family) / 8;
  if (bytes.length < length) throw new DecodeError(`address of ${bytes.length} bytes, not ${length}`);
  if (family === 'ipv4') return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  return ipaddr.fromByteArray([...bytes.subarray(0, 16)]).toString();
}

interface Parsed {
  readonly parsed: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bytes: Buffer;
  readonly range: string;
}
/** Cache of parsed addresses, since the same few recur. It is cleared when it has MAX_KNOWN entries. */
const KNOWN = new Map<string, Parsed>();
const MAX_KNOWN = 16_384;

function parse(address: string): Parsed {
  const known = KNOWN.get(address);
  if (known) return known;
  if (KNOWN.size >= MAX_KNOWN) KNOWN.clear();
  // ipaddr.parse would parse it two or three times, to find the family.
  const parsed = addressFamily(address) === 'ipv6' ? ipaddr.IPv6.parse(address) : ipaddr.IPv4.parse(address);
  const made = { parsed, bytes: Buffer.from(parsed.toByteArray()), range: parsed.range() };
  KNOWN.set(address, made);
  return made;
}

/** The bytes of an address of either family, 4 or 16. */
export function addressBytes(address: string): Buffer {
  return Buffer.from(parse(address).bytes);
}

/** The family of an address in text form; the text is not checked. */
export function addressFamily(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The network address: the host bits are 0. */
export function networkOf(address: string, prefixLength: number): string {
  const bytes = addressBytes(address);
  for (let i = 0; i < bytes.length; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - i * 8));
    bytes[i] = bytes[i]! & (0xff << (8 - bits));
  }
  return readAddress(addressFamily(address), bytes);
}

/** Whether `address` is in `network`/`prefixLength`; false if their families differ. */
export function inNetwork(address: string, network: string, prefixLength: number): boolean {
  if (addressFamily(address) !== addressFamily(network)) return false;
  const [one, other] = [parse(address).bytes, parse(network).bytes];
  const whole = prefixLength >> 3;
  if (one.compare(other, 0, whole, 0, whole) !== 0) return false;
  const mask = 0xff00 >> (prefixLength & 7);
  return whole === one.length || ((one[whole]! ^ other[whole]!) & mask & 0xff) === 0;
}

/**
 * The range in the names of ipaddr.js: `linkLocal`, `uniqueLocal`, `loopback`, `multicast`,
 * `unspecified`, `unicast`, `private` and others.
 */
export function addressRange(address: string): string {
  return parse(address).range;
}

/** The IPv4 address of an IPv4-mapped IPv6 address, which MPTCP treats as equal; any other address unchanged. */
export function unmapIPv4(address: string): string {
  if (!address.startsWith('::ffff:')) return address;
  const { parsed } = parse(address);
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : address;
}

/** IP addresses as text (RFC 5952) and as the bytes that netlink carries. */
import ipaddr from 'ipaddr.js';
import { DecodeError } from './attribute.ts';

export type Family = 'ipv4' | 'ipv6';

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_INET6 = 10;

export const familyNumber = (family: Family): number => (family === 'ipv4' ? AF_INET : AF_INET6);
/** Bits of a whole address: a host's prefix length. */
export const hostBits = (family: Family): number => (family === 'ipv4' ? 32 : 128);
/** null for families other than IPv4 and IPv6. */
export const familyOf = (number: number): Family | null =>
  number === AF_INET ? 'ipv4' : number === AF_INET6 ? 'ipv6' : null;

export function readAddress(family: Family, bytes: Buffer): string {
  const length = hostBits(family) / 8;
  if (bytes.length < length) throw new DecodeError(`address of ${bytes.length} bytes, not ${length}`);
  if (family === 'ipv4') return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  return ipaddr.fromByteArray([...bytes.subarray(0, 16)]).toString();
}

type Parsed = ipaddr.IPv4 | ipaddr.IPv6;
/** The same few addresses are asked about again and again; forgotten all at once when there are this many. */
const KNOWN = new Map<string, Parsed>();
const MOST_KNOWN = 16_384;

function parse(address: string): Parsed {
  const known = KNOWN.get(address);
  if (known) return known;
  if (KNOWN.size >= MOST_KNOWN) KNOWN.clear();
  const parsed = ipaddr.parse(address);
  KNOWN.set(address, parsed);
  return parsed;
}

/** Whatever family the length says; for attributes that do not name theirs. */
export function addressBytes(address: string): Buffer {
  return Buffer.from(parse(address).toByteArray());
}

export function addressFamily(address: string): Family {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** The network of an address: host bits cleared. */
export function networkOf(address: string, prefixLength: number): string {
  const bytes = addressBytes(address);
  for (let i = 0; i < bytes.length; i++) {
    const bits = Math.min(8, Math.max(0, prefixLength - i * 8));
    bytes[i] = bytes[i]! & (0xff << (8 - bits));
  }
  return readAddress(addressFamily(address), bytes);
}

/** Whether `address` lies in `network`/`prefixLength`; false across families. */
export function inNetwork(address: string, network: string, prefixLength: number): boolean {
  if (addressFamily(address) !== addressFamily(network)) return false;
  return networkOf(address, prefixLength) === networkOf(network, prefixLength);
}

/** `linkLocal`, `uniqueLocal`, `loopback`, `multicast`, `unspecified`, `unicast`, `private` …, as ipaddr.js names them. */
export function addressRange(address: string): string {
  return parse(address).range();
}

/** The IPv4 address inside an IPv4-mapped one, which MPTCP takes for the same; any other address as it is. */
export function mappedOf(address: string): string {
  if (!address.startsWith('::ffff:')) return address;
  const parsed = parse(address);
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress()
    ? parsed.toIPv4Address().toString()
    : address;
}

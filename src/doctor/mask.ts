/**
 * Removes from a text what identifies the host and its place. Addresses are replaced by others, marked with `~`. Equal
 * addresses get equal replacements, and two addresses share as many leading bits as before, so subnets stay subnets.
 */
import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes, addressFamily, addressRange, readAddress } from '../netlink/ip.ts';

/** Leading bits that are kept because they show the kind of an address. A kind that is not listed is not masked. */
const KEPT_BITS: Readonly<Record<string, number>> = { unicast: 0, uniqueLocal: 8, linkLocal: 64 };
const GLOBAL_V6 = 3;
/** Tunnel addresses contain an IPv4 address, so none of their bits is kept. */
const TUNNELLED = new Set(['6to4', 'teredo', 'rfc6145', 'rfc6052', 'ipv4Mapped']);

const IPV4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d]|\.\d)/g;
/** Words with colons, a part of which may be an IPv6 address: `uplink:eth0:2001:db8::1`. */
const COLONS = /[\w.-]*:[\w.:-]*/g;
const HARDWARE = /\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b/gi;
/** systemd names USB devices after their hardware address. */
const NAMED_BY_HARDWARE = /\b(en|wl|ww|sl|ib)x([0-9a-f]{12})\b/gi;
const HOME = /\/home\/[^/\s"]+/g;

export interface Secrets {
  /** A new key for each run, so that two reports cannot be compared. */
  readonly key: Buffer;
  /** Words to replace, such as the host's or the peer's name, with their replacement. */
  readonly words: ReadonlyMap<string, string>;
}

export function mask(text: string, secrets: Secrets): string {
  const hardware = new Map<string, string>();
  const numbered = (address: string): string => {
    const plain = address.toLowerCase().replace(/[:-]/g, '');
    if (!hardware.has(plain)) hardware.set(plain, `mac${hardware.size + 1}`);
    return hardware.get(plain)!;
  };
  let masked = text
    .replace(HARDWARE, (address) => numbered(address))
    .replace(NAMED_BY_HARDWARE, (_, kind: string, address: string) => `${kind}x-${numbered(address)}`)
    .replace(HOME, '/home/USER');
  for (const [word, replacement] of secrets.words) {
    if (word.length < 2) continue;
    const escaped = word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    masked = masked.replace(new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`, 'gi'), replacement);
  }
  return masked
    .replace(COLONS, (word) => maskWithin(word, secrets.key))
    .replace(IPV4, (found) => (isIP(found) ? maskAddress(found, secrets.key) : found));
}

/** Masks the longest part that is an IPv6 address and begins at the start of the word or after a colon. */
function maskWithin(word: string, key: Buffer): string {
  const starts = [0, ...[...word.matchAll(/:/g)].map(({ index }) => index + 1)];
  for (const start of starts)
    for (let end = word.length; end > start + 1; end--) {
      const part = word.slice(start, end);
      if (isIP(part) === 6) return word.slice(0, start) + maskAddress(part, key) + word.slice(end);
    }
  return word;
}

export function maskAddress(address: string, key: Buffer): string {
  const bytes = addressBytes(address);
  const family = addressFamily(address);
  const range = addressRange(address);
  const public6 = family === 'ipv6' && range === 'unicast';
  // The host part of an IPv4 link-local address identifies nothing.
  if (family === 'ipv4' && range !== 'unicast') return address;
  const kept = TUNNELLED.has(range) ? 0 : public6 ? GLOBAL_V6 : KEPT_BITS[range];
  if (kept === undefined) return address;
  return `~${readAddress(family, permuted(bytes, kept, key))}`;
}

/** Flips each bit depending on a keyed hash of all preceding bits: J. Xu and others, "Crypto-PAn". */
function permuted(bytes: Buffer, kept: number, key: Buffer): Buffer {
  const out = Buffer.from(bytes);
  for (let bit = kept; bit < bytes.length * 8; bit++) {
    const before = Buffer.from(bytes.subarray(0, (bit >> 3) + 1));
    const last = bit >> 3;
    before[last] = before[last]! & ~(0xff >> (bit & 7));
    const turn = createHmac('sha256', key).update(before).update(`/${bit}`).digest()[0]! & 1;
    if (turn) out[last] = out[last]! ^ (0x80 >> (bit & 7));
  }
  return out;
}

/** Netlink attributes (struct nlattr, linux/netlink.h): length and type, then the value, padded to 4 bytes. */
import { align4, readS32, readU16, readU32, readU64 } from './bytes.ts';

/** A message shorter than its lengths say. Decoders throw no other error. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** The bits NLA_F_NESTED and NLA_F_NET_BYTEORDER are flags, not part of the type. */
export const NLA_TYPE_MASK = 0x3fff;
const HEADER = 4;

/**
 * One level of attributes, by type. If a type is repeated, the last one counts, as in the kernel's nla_parse.
 * All getters return undefined for a missing attribute.
 * @throws DecodeError if a length is wrong or a value too short
 */
export class Attributes {
  readonly #values = new Map<number, Buffer>();

  constructor(bytes: Buffer) {
    for (const [type, value] of eachAttribute(bytes)) this.#values.set(type, value);
  }

  /** Whether the attribute is present, with any value. */
  has(type: number): boolean {
    return this.#values.has(type);
  }

  /** The value as bytes. `least`: its minimum length. */
  bytes(type: number, least = 0): Buffer | undefined {
    const value = this.#values.get(type);
    if (value !== undefined && value.length < least)
      throw new DecodeError(`attribute ${type} has ${value.length} bytes, not ${least}`);
    return value;
  }

  /** The integer getters are named by size; they read host byte order unless their comment says otherwise. */
  u8(type: number): number | undefined {
    return this.bytes(type, 1)?.readUInt8(0);
  }

  u16(type: number): number | undefined {
    const value = this.bytes(type, 2);
    return value && readU16(value, 0);
  }

  /** Big-endian, like ports in packets. */
  be16(type: number): number | undefined {
    return this.bytes(type, 2)?.readUInt16BE(0);
  }

  u32(type: number): number | undefined {
    const value = this.bytes(type, 4);
    return value && readU32(value, 0);
  }

  s32(type: number): number | undefined {
    const value = this.bytes(type, 4);
    return value && readS32(value, 0);
  }

  u64(type: number): bigint | undefined {
    const value = this.bytes(type, 8);
    return value && readU64(value, 0);
  }

  /** The value up to the first NUL. An interface name may hold any byte; invalid UTF-8 becomes U+FFFD. */
  string(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return value.toString('utf8', 0, end === -1 ? value.length : end);
  }

  /** The attributes within this one. */
  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value && new Attributes(value);
  }
}

/**
 * All attributes in the order of the message, with repeated types (lists such as IFLA_PROP_LIST repeat one).
 * @throws DecodeError
 */
export function eachAttribute(bytes: Buffer): [type: number, value: Buffer][] {
  const found: [number, Buffer][] = [];
  let at = 0;
  while (at + HEADER <= bytes.length) {
    const length = readU16(bytes, at);
    if (length < HEADER || at + length > bytes.length)
      throw new DecodeError(`attribute at ${at} claims ${length} of ${bytes.length - at} bytes`);
    found.push([readU16(bytes, at + 2) & NLA_TYPE_MASK, bytes.subarray(at + HEADER, at + length)]);
    at += align4(length);
  }
  return found;
}

/** Integers in host byte order, as netlink(7) uses them, and a buffer that grows while a message is written. */
import { endianness } from 'node:os';

const LITTLE = endianness() === 'LE';

/** These readers take an offset in bytes. They throw a RangeError beyond the end of the buffer. */
export const readU16 = (from: Buffer, at: number): number =>
  LITTLE ? from.readUInt16LE(at) : from.readUInt16BE(at);
export const readU32 = (from: Buffer, at: number): number =>
  LITTLE ? from.readUInt32LE(at) : from.readUInt32BE(at);
export const readS32 = (from: Buffer, at: number): number =>
  LITTLE ? from.readInt32LE(at) : from.readInt32BE(at);
export const readU64 = (from: Buffer, at: number): bigint =>
  LITTLE ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at);

const writeU16 = (into: Buffer, at: number, value: number): number =>
  LITTLE ? into.writeUInt16LE(value, at) : into.writeUInt16BE(value, at);
const writeU32 = (into: Buffer, at: number, value: number): number =>
  LITTLE ? into.writeUInt32LE(value, at) : into.writeUInt32BE(value, at);
const writeS32 = (into: Buffer, at: number, value: number): number =>
  LITTLE ? into.writeInt32LE(value, at) : into.writeInt32BE(value, at);

/** Rounds up to 4, as NLMSG_ALIGN and NLA_ALIGN do. */
export const align4 = (length: number): number => (length + 3) & ~3;

const NLA_F_NESTED = 0x8000;

/** Writes a message into a buffer that grows. All methods but `done` return the writer. */
export class Writer {
  #buffer = Buffer.alloc(256);
  #length = 0;

  /** Reserves zeroed bytes. @returns their offset */
  #room(size: number): number {
    const at = this.#length;
    if (at + size > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, at + size));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#length += size;
    return at;
  }

  u8(value: number): this {
    const at = this.#room(1);
    this.#buffer.writeUInt8(value, at);
    return this;
  }

  u16(value: number): this {
    const at = this.#room(2);
    writeU16(this.#buffer, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#room(4);
    writeU32(this.#buffer, at, value);
    return this;
  }

  s32(value: number): this {
    const at = this.#room(4);
    writeS32(this.#buffer, at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** Writes one attribute (struct nlattr) with the value that `fill` writes, padded to 4 bytes. */
  attribute(type: number, fill: (value: this) => void): this {
    const start = this.#room(4);
    fill(this);
    writeU16(this.#buffer, start, this.#length - start);
    writeU16(this.#buffer, start + 2, type);
    this.#room(align4(this.#length) - this.#length);
    return this;
  }

  /**
   * A nested attribute, always with NLA_F_NESTED: without it mptcp_pm on Linux 6.1
   * answers EINVAL "NLA_F_NESTED is missing".
   */
  nest(type: number, fill: (value: this) => void): this {
    return this.attribute(type | NLA_F_NESTED, fill);
  }

  attributeU32(type: number, value: number): this {
    return this.attribute(type, (w) => w.u32(value));
  }

  attributeBytes(type: number, value: Uint8Array): this {
    return this.attribute(type, (w) => w.bytes(value));
  }

  /** NUL-terminated, as NLA_NUL_STRING requires. */
  attributeString(type: number, value: string): this {
    return this.attribute(type, (w) => w.bytes(Buffer.from(`${value}\0`)));
  }

  /** The bytes written so far, without a copy. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

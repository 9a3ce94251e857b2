/**
 * The stream's content: numbered blocks with a checksum each, so that lost, duplicated or reordered data is detected.
 */
import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Bytes of a block: sequence number (u32), content, CRC-32 of both. */
export const BLOCK = 8192;
const CHECKSUM = BLOCK - 4;

/** All blocks have the same content; the sequence number makes their checksums differ. */
const filling = randomBytes(BLOCK);

export function makeBlock(sequence: number): Buffer {
  const block = Buffer.from(filling);
  block.writeUInt32BE(sequence >>> 0, 0);
  block.writeUInt32BE(crc32(block.subarray(0, CHECKSUM)), CHECKSUM);
  return block;
}

/** A byte of the stream differs from what was sent. */
export class ContentError extends Error {
  override readonly name = 'ContentError';
}

/** Checks a stream that arrives in pieces of any size. */
export class BlockChecker {
  /** Number of complete, correct blocks. */
  blocks = 0;
  readonly #block = Buffer.alloc(BLOCK);
  #filled = 0;

  /** Bytes received so far, including those of an incomplete block. */
  get bytes(): number {
    return this.blocks * BLOCK + this.#filled;
  }

  /** @throws ContentError */
  take(piece: Buffer): void {
    for (let at = 0; at < piece.length;) {
      const copied = piece.copy(this.#block, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === BLOCK) this.#check();
    }
  }

  #check(): void {
    const sequence = this.#block.readUInt32BE(0);
    const found = this.#block.readUInt32BE(CHECKSUM);
    if (sequence !== this.blocks >>> 0)
      throw new ContentError(`block ${sequence} came where block ${this.blocks} was due`);
    if (crc32(this.#block.subarray(0, CHECKSUM)) !== found)
      throw new ContentError(`block ${sequence} has a wrong checksum`);
    this.blocks++;
    this.#filled = 0;
  }
}

/**
 * The stream's content: numbered blocks with a checksum each, so that lost, duplicated or reordered data is detected.
 */
import { createHash, randomBytes } from 'node:crypto';

/** Bytes of a block: sequence number (u32), content, checksum of both. */
export const BLOCK = 8192;
const CHECKSUM = BLOCK - 4;

/** All blocks have the same content; the sequence number makes their checksums differ. */
const content = randomBytes(BLOCK);

/** The first four bytes of SHA-256; zlib's crc32 needs Node 20.15. */
const checksum = (bytes: Buffer): number => createHash('sha256').update(bytes).digest().readUInt32BE();

export function makeBlock(sequence: number): Buffer {
  const block = Buffer.from(content);
  block.writeUInt32BE(sequence >>> 0, 0);
  block.writeUInt32BE(checksum(block.subarray(0, CHECKSUM)), CHECKSUM);
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
      throw new ContentError(`block ${sequence} arrived instead of block ${this.blocks}`);
    if (checksum(this.#block.subarray(0, CHECKSUM)) !== found)
      throw new ContentError(`block ${sequence} has a wrong checksum`);
    this.blocks++;
    this.#filled = 0;
  }
}

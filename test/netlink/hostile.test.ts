/**
 * Messages that no kernel sends: decoders return a value or throw DecodeError, and never read outside of the message.
 * MULTIHOMED_INPUTS=1000000 for a long run, MULTIHOMED_SEED=N to repeat one.
 *
 * The inputs are random and not guided by coverage. With guidance by V8's block coverage, 100,000 inputs reached 352
 * blocks of the decoders; 100,000 random inputs reached 355 in two thirds of the time.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../src/netlink/attribute.ts';
import { decodeMessages, type Message } from '../../src/netlink/message.ts';
import { SEED } from '../support/seed.ts';
import { DECODERS } from './decoders.ts';
import { everyMessage } from './recording.ts';

const INPUTS = Number(process.env['MULTIHOMED_INPUTS'] ?? 20_000);
const settings = { numRuns: Math.ceil(INPUTS / 2), seed: SEED };
const LONG = Math.max(180_000, INPUTS);

/** Returns the decoder's value, or that it threw the one permitted error. */
function read(decode: (message: Message) => unknown, message: Message): string {
  try {
    return (
      JSON.stringify(decode(message), (_, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      ) ?? ''
    );
  } catch (error) {
    if (error instanceof DecodeError) return `DecodeError: ${error.message}`;
    throw error;
  }
}

/** Embeds the bytes in others: a value that depends on the surrounding bytes was read from them. */
function within(bytes: Buffer, surrounding: number): Buffer {
  const around = Buffer.alloc(bytes.length + 512, surrounding);
  bytes.copy(around, 256);
  return around.subarray(256, 256 + bytes.length);
}

function check(datagram: Buffer): void {
  const answers = [0x00, 0xff].map((surrounding) => {
    let messages: Message[];
    try {
      messages = decodeMessages(within(datagram, surrounding));
    } catch (error) {
      if (error instanceof DecodeError) return `DecodeError: ${error.message}`;
      throw error;
    }
    return messages.flatMap((message) => Object.values(DECODERS).map((decode) => read(decode, message)));
  });
  expect(answers[1]).toEqual(answers[0]);
}

/** A message with any payload, of a type that decoders know. */
const enveloped = fc
  .tuple(
    fc.constantFrom(2, 3, 16, 17, 20, 24, 32, 37, 104, 20),
    fc.nat(0xffff),
    fc.uint8Array({ maxLength: 300 }),
  )
  .map(([type, flags, payload]) => {
    const bytes = Buffer.alloc(16 + payload.length);
    bytes.writeUInt32LE(bytes.length, 0);
    bytes.writeUInt16LE(type, 4);
    bytes.writeUInt16LE(flags, 6);
    bytes.set(payload, 16);
    return bytes;
  });

const recorded = everyMessage();

/** Mutates a recorded message: changed bytes, a removed or repeated piece, or wrong lengths. */
const mutated = fc
  .record({
    message: fc.nat(recorded.length - 1),
    bytes: fc.array(
      fc.tuple(fc.nat(3000), fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 0x7f, 0x80, 0xff), fc.nat(255))),
      { maxLength: 6 },
    ),
    cut: fc.option(fc.nat(3000)),
    twice: fc.option(fc.tuple(fc.nat(3000), fc.nat(64))),
    honest: fc.boolean(),
  })
  .map(({ message, bytes, cut, twice, honest }) => {
    let copy = Buffer.from(recorded[message]!);
    for (const [at, value] of bytes) copy[at % copy.length] = value;
    if (twice) {
      const at = twice[0] % copy.length;
      copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at, at + twice[1]), copy.subarray(at)]);
    }
    if (cut !== null) copy = copy.subarray(0, cut % (copy.length + 1));
    // Its length is correct, so that its content is read.
    if (honest && copy.length >= 16) copy.writeUInt32LE(copy.length, 0);
    return copy;
  });

describe('hostile messages', () => {
  test('of random bytes', { timeout: LONG }, () => {
    fc.assert(
      fc.property(
        fc.oneof(
          enveloped,
          fc.uint8Array({ maxLength: 120 }).map((each) => Buffer.from(each)),
        ),
        check,
      ),
      settings,
    );
  });

  test('that are mutated recordings', { timeout: LONG }, () => {
    fc.assert(fc.property(mutated, check), settings);
  });

  test.each(recorded.map((message, at) => [at, message] as const).filter(([, { length }]) => length < 300))(
    'recorded message %i cut at every byte',
    (_, message) => {
      for (let length = 0; length <= message.length; length++) {
        check(message.subarray(0, length));
        if (length < 16) continue;
        const honest = Buffer.from(message.subarray(0, length));
        honest.writeUInt32LE(length, 0);
        check(honest);
      }
    },
  );

  test('nested as deep as a datagram allows terminate', () => {
    const deep = Buffer.alloc(65_536);
    deep.writeUInt32LE(deep.length, 0);
    deep.writeUInt16LE(24, 4);
    for (let at = 28; at + 4 <= deep.length; at += 4) {
      deep.writeUInt16LE(deep.length - at > 0xffff ? 0xffff : deep.length - at, at);
      deep.writeUInt16LE(0x8000 | 9, at + 2);
    }
    check(deep);
  });

  test('with only empty attributes: each is read once', () => {
    const flat = Buffer.alloc(65_536);
    flat.writeUInt32LE(flat.length, 0);
    flat.writeUInt16LE(16, 4);
    for (let at = 32; at + 4 <= flat.length; at += 4) flat.writeUInt16LE(4, at);
    // Quadratic time would exceed the test's time-out.
    check(flat);
  });
});

/** Netlink messages (struct nlmsghdr, netlink(7)): header, payload, padding. */
import { align4, readU16, readU32, Writer } from './bytes.ts';
import { DecodeError } from './attribute.ts';

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_MULTI = 0x2;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
/** Flags of NLMSG_ERROR: the request is not echoed; attributes follow. */
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

export const HEADER_LENGTH = 16;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port id of the socket whose request caused the message; 0: no request caused it. */
  readonly portId: number;
  readonly payload: Buffer;
}

/** `sequence`: 32 bits; the kernel repeats it in the answers. */
export function encodeMessage(type: number, flags: number, sequence: number, payload: Buffer): Buffer {
  return new Writer()
    .u32(HEADER_LENGTH + payload.length)
    .u16(type)
    .u16(flags)
    .u32(sequence)
    .u32(0)
    .bytes(payload)
    .bytes(Buffer.alloc(align4(payload.length) - payload.length))
    .done();
}

/**
 * All messages of a datagram.
 * @throws DecodeError a length exceeds the datagram
 */
export function decodeMessages(datagram: Buffer): Message[] {
  const messages: Message[] = [];
  let at = 0;
  while (at + HEADER_LENGTH <= datagram.length) {
    const length = readU32(datagram, at);
    if (length < HEADER_LENGTH || at + length > datagram.length)
      throw new DecodeError(`message at ${at} claims ${length} of ${datagram.length - at} bytes`);
    messages.push({
      type: readU16(datagram, at + 4),
      flags: readU16(datagram, at + 6),
      sequence: readU32(datagram, at + 8),
      portId: readU32(datagram, at + 12),
      payload: datagram.subarray(at + HEADER_LENGTH, at + length),
    });
    at += align4(length);
  }
  return messages;
}

/**
 * Reads the arguments of NetlinkSocketOptions.onBatch: each message of each datagram, in their order. This is the
 * only reader of batches.
 * @param spans offset and length of each datagram
 * @param onMalformed called for a datagram of which a length is wrong or `onMessage` throws a DecodeError. Of a
 * datagram with a wrong length no message is read. The next datagrams are read as usual.
 */
export function readBatch(
  buffer: Buffer,
  spans: Uint32Array,
  onMessage: (message: Message) => void,
  onMalformed: (error: DecodeError) => void,
): void {
  for (let at = 0; at + 1 < spans.length; at += 2) {
    const start = spans[at]!;
    try {
      decodeMessages(buffer.subarray(start, start + spans[at + 1]!)).forEach(onMessage);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      onMalformed(error);
    }
  }
}

/** Offset of the extended acknowledgement's attributes in the payload of an NLMSG_ERROR; null: it has none. */
export function ackAttributesOffset(message: Message): number | null {
  if (!(message.flags & NLM_F_ACK_TLVS)) return null;
  if (message.flags & NLM_F_CAPPED) return 4 + HEADER_LENGTH;
  if (message.payload.length < 8) throw new DecodeError('error message without the header it answers');
  return 4 + align4(readU32(message.payload, 4));
}

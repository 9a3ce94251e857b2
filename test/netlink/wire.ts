/** A simulated netlink socket: it records sent messages, and delivers those of the test as one readiness event. */
import { vi } from 'vitest';
import type { Message } from '../../src/netlink/message.ts';
import type { NetlinkSocket, NetlinkSocketOptions } from '../../src/system/addon.ts';

export class Wire implements NetlinkSocket {
  readonly portId = 1234;
  readonly receiveBuffer = 8 << 20;
  readonly netnsCookie = 1n;
  readonly foreign = 0;
  /** The messages of each sendmsg. */
  readonly sent: Buffer[] = [];
  readonly options: NetlinkSocketOptions;
  /** Decides the result of each sendmsg. */
  onSend: (bytes: Buffer) => Promise<void> | void = () => undefined;
  closed = false;
  alive = true;

  constructor(options: NetlinkSocketOptions) {
    this.options = options;
  }

  async send(bytes: Uint8Array): Promise<void> {
    this.sent.push(Buffer.from(bytes));
    await this.onSend(Buffer.from(bytes));
  }

  /** Delivers datagrams of one readiness, as the addon does. */
  deliver(...datagrams: readonly Buffer[]): void {
    const spans = new Uint32Array(datagrams.length * 2);
    let at = 0;
    datagrams.forEach((datagram, i) => {
      spans.set([at, datagram.length], i * 2);
      at += datagram.length;
    });
    this.options.onBatch(Buffer.concat(datagrams), spans);
  }

  readonly join = vi.fn();
  readonly leave = vi.fn();
  readonly filter = vi.fn();
  ref(): void {
    this.alive = true;
  }
  unref(): void {
    this.alive = false;
  }
  close(): void {
    this.closed = true;
  }
}

/** A complete message with its port; encoded independently of the encoder under test. */
export function bytesOf({ type, flags, sequence, portId, payload }: Message): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + payload.length, 0);
  header.writeUInt16LE(type, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(sequence, 8);
  header.writeUInt32LE(portId, 12);
  return Buffer.concat([header, payload, Buffer.alloc((4 - (payload.length % 4)) % 4)]);
}

/** NLMSG_ERROR, extended if there are attributes: [type, value] each. */
export function acknowledgement(
  sequence: number,
  errno = 0,
  attributes: readonly (readonly [number, Buffer])[] = [],
): Buffer {
  const parts = attributes.map(([type, value]) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(4 + value.length, 0);
    head.writeUInt16LE(type, 2);
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
  });
  const body = Buffer.alloc(20);
  body.writeInt32LE(-errno, 0);
  const flags = 0x100 | (parts.length > 0 ? 0x200 : 0);
  return bytesOf({ type: 2, flags, sequence, portId: 0, payload: Buffer.concat([body, ...parts]) });
}

/** NLMSG_DONE of a dump. */
export function done(sequence: number, errno = 0, flags = 2): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32LE(-errno, 0);
  return bytesOf({ type: 3, flags, sequence, portId: 0, payload });
}

/** Sequence numbers of the messages of one sendmsg. */
export function sequences(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += (bytes.readUInt32LE(at) + 3) & ~3)
    found.push(bytes.readUInt32LE(at + 8));
  return found;
}

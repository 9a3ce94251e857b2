/** Decoding of MPTCP and TCP sockets from sock_diag: values only. */
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../src/netlink/attribute.ts';
import { Writer } from '../../src/netlink/bytes.ts';
import { decodeConnectionSocket, decodeSubflowSocket } from '../../src/netlink/diag.ts';
import { addressBytes } from '../../src/netlink/ip.ts';
import type { Message } from '../../src/netlink/message.ts';

const message = (payload: Buffer): Message => ({ type: 20, flags: 2, sequence: 1, portId: 1, payload });

/** struct inet_diag_msg, linux/inet_diag.h. */
function socket(local: string, remote: string, state = 1): Writer {
  const padded = (address: string): Buffer => {
    const bytes = addressBytes(address);
    return Buffer.concat([bytes, Buffer.alloc(16 - bytes.length)]);
  };
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(40_000, 0);
  ports.writeUInt16BE(443, 2);
  return new Writer()
    .u8(local.includes(':') ? 10 : 2)
    .u8(state)
    .u8(0)
    .u8(0)
    .bytes(ports)
    .bytes(padded(local))
    .bytes(padded(remote))
    .u32(3)
    .u32(0x89)
    .u32(1)
    .bytes(Buffer.alloc(20));
}

/** struct tcp_info, linux/tcp.h. */
function tcpInfo(length = 248): Buffer {
  const info = new Writer()
    .u8(1)
    .u8(0)
    .u8(2)
    .bytes(Buffer.alloc(21))
    .u32(9)
    .bytes(Buffer.alloc(16))
    .u32(41)
    .u32(0)
    .u32(52)
    .u32(63)
    .bytes(Buffer.alloc(8))
    .u32(23_456)
    .u32(3_210)
    .bytes(Buffer.alloc(24))
    .u32(17);
  const counts = info.bytes(Buffer.alloc(16)).u32(1_000).u32(1).u32(2_000).u32(2);
  return Buffer.concat([counts.done(), Buffer.alloc(248)]).subarray(0, length);
}

interface Ulp {
  readonly name?: string;
  readonly token?: number;
  readonly flags?: number;
}

function withUlp(
  writer: Writer,
  { name = 'mptcp', token = 0xfeed, flags = 0 }: Ulp,
  info = tcpInfo(),
): Buffer {
  return writer
    .attributeBytes(2, info)
    .nest(19, (ulp) => {
      ulp.attributeString(1, name);
      ulp.nest(3, (mptcp) => {
        mptcp.attributeU32(1, 0xbad);
        if (token >= 0) mptcp.attributeU32(2, token);
        mptcp.attributeU32(8, flags);
        mptcp.attribute(9, (value) => value.u8(4));
        mptcp.attribute(10, (value) => value.u8(5));
      });
    })
    .done();
}

const subflow = (ulp: Ulp = {}, info = tcpInfo()) =>
  decodeSubflowSocket(message(withUlp(socket('10.0.0.2', '203.0.113.5'), ulp, info)));

describe('a subflow', () => {
  test('is recognized by its ULP and has the values of TCP_INFO', () => {
    expect(subflow()).toEqual({
      token: 0xfeed,
      local: { address: '10.0.0.2', port: 40_000 },
      remote: { address: '203.0.113.5', port: 443 },
      ifindex: 3,
      cookie: 2 ** 32 + 0x89,
      state: 'ESTAB',
      opened: false,
      accepted: false,
      backup: { local: false, remote: false },
      ids: { local: 5, remote: 4 },
      traffic: {
        acked: 2 ** 32 + 1_000,
        received: 2 ** 33 + 2_000,
        rtt: 23_456,
        retransmits: 17,
        ...{ timeouts: 2, duplicates: 0 },
        ...{ rttVariation: 3_210, unacked: 9, sinceSent: 41, sinceData: 52, sinceAck: 63 },
      },
      sockid: { family: 2, bytes: expect.any(Buffer) as Buffer },
    });
  });

  test.each([
    ['the first, which the peer opened', 1 << 0, true],
    ['the first, which this host opened', 1 << 1, true],
    ['a join of the peer', 1 << 2, false],
    ['a join of this host', 1 << 3, false],
    ['a join that the peer has accepted', (1 << 3) | (1 << 6), true],
  ])('whether the peer has accepted it: %s', (_, flags, accepted) => {
    expect(subflow({ flags })?.accepted).toBe(accepted);
  });

  test.each([
    [1 << 4, { local: false, remote: true }],
    [1 << 5, { local: true, remote: false }],
    [0x3cf, { local: false, remote: false }],
  ])('flags %i', (flags, backup) => expect(subflow({ flags })?.backup).toEqual(backup));

  test('of an older kernel has no byte counters', () => {
    expect(subflow({}, tcpInfo(104))?.traffic).toBeNull();
  });

  test('of an IPv4-mapped address is IPv4', () => {
    const payload = withUlp(socket('::ffff:10.0.0.2', '2001:db8::5'), {});
    expect(decodeSubflowSocket(message(payload))).toMatchObject({
      local: { address: '10.0.0.2' },
      remote: { address: '2001:db8::5' },
    });
  });

  test.each([{ name: 'tls' }, { token: -1 }])('%j is not a subflow', (ulp) =>
    expect(subflow(ulp)).toBeNull(),
  );

  test('plain TCP is not a subflow', () => {
    const payload = socket('10.0.0.2', '203.0.113.5').attributeBytes(2, tcpInfo()).done();
    expect(decodeSubflowSocket(message(payload))).toBeNull();
  });

  test('that is truncated anywhere throws DecodeError or is null', () => {
    const whole = withUlp(socket('10.0.0.2', '203.0.113.5'), {});
    for (let length = 0; length < whole.length; length++)
      try {
        decodeSubflowSocket(message(whole.subarray(0, length)));
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
  });
});

describe('a connection', () => {
  const decode = (flags: number, length = 88) => {
    const head = new Writer().u32(3).u32(0).u32(flags).u32(0xfeed).bytes(Buffer.alloc(72));
    const info = head.u32(42).u32(0).done();
    const payload = socket('10.0.0.2', '203.0.113.5', 8).attributeBytes(2, info.subarray(0, length)).done();
    return decodeConnectionSocket(message(payload));
  };

  test('has token, sides and state', () => {
    expect(decode(2)).toEqual({
      token: 0xfeed,
      local: { address: '10.0.0.2', port: 40_000 },
      remote: { address: '203.0.113.5', port: 443 },
      state: 'CLOSE-WAIT',
      fallback: false,
      extraSubflows: 3,
      sinceData: null,
    });
    expect(decode(2, 96)?.sinceData).toBe(42);
  });

  test('that fell back to TCP has fallback', () => expect(decode(1)?.fallback).toBe(true));
  test('without mptcp_info is null', () => expect(decode(0, 8)).toBeNull());
});

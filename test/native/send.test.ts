/** Requests and dumps through the addon, to the real kernel. */
import { describe, expect } from 'vitest';
import { SystemError } from '../../src/system/addon.ts';
import { getLink, isPrivate, RTM_NEWADDR, RTM_NEWLINK, RTNLGRP_LINK, test, until } from './net.ts';

describe.skipIf(!isPrivate)('sending to the kernel', () => {
  test('keeps the order within a socket', async ({ net }) => {
    // The maximum for an ordinary user if net.core.rmem_max was not raised: it holds about 130 of these answers.
    const { socket, received } = net.listen({ receiveBuffer: 212_992 });
    const settled: number[] = [];
    const expected: number[] = [];
    for (let round = 0; round < 10; round++) {
      const sequences = Array.from({ length: 50 }, (_, i) => round * 50 + i + 1);
      expected.push(...sequences);
      await Promise.all(
        sequences.map((sequence) =>
          // The others are sent at once, unless an earlier one waits.
          socket.send(getLink(sequence, 1), { waits: sequence % 7 === 0 }).then(() => settled.push(sequence)),
        ),
      );
      await until(() => received.length >= 2 * expected.length);
    }
    expect(settled).toEqual(expected);
    // The link, then its acknowledgement.
    expect(received.filter(({ type }) => type === RTM_NEWLINK).map(({ sequence }) => sequence)).toEqual(
      expected,
    );
    socket.close();
  });

  test('copies the bytes before it returns', async ({ net }) => {
    const { socket, received } = net.listen();
    const bytes = getLink(9, 1);
    const sent = socket.send(bytes);
    bytes.fill(0xff);
    await sent;
    await until(() => received.length >= 2);
    expect(received.map(({ sequence }) => sequence)).toEqual([9, 9]);
    socket.close();
  });

  test('rejects with the kernel’s errno, and later sends work', async ({ net }) => {
    const { socket, received } = net.listen();
    const tooMuch = socket.send(new Uint8Array(16 << 20));
    const next = socket.send(getLink(3, 1));
    await expect(tooMuch).rejects.toBeInstanceOf(SystemError);
    await expect(tooMuch).rejects.toMatchObject({ code: 'EMSGSIZE', errno: 90, syscall: 'sendmsg' });
    await next;
    await until(() => received.length > 0);
    expect(received[0]?.sequence).toBe(3);
    socket.close();
  });

  test('every pending send settles when the socket is closed', async ({ net }) => {
    for (let round = 0; round < 50; round++) {
      const { socket } = net.listen();
      const sends = Array.from({ length: 100 }, (_, i) =>
        socket.send(getLink(i, 0), { waits: round % 4 > 1 }),
      );
      if (round % 2 === 1) await sends[0];
      sends.push(socket.send(getLink(1000, 0)));
      socket.close();
      for (const result of await Promise.allSettled(sends)) {
        if (result.status === 'rejected')
          expect(result.reason).toMatchObject({ code: 'ECANCELED', errno: 125 });
      }
      await expect(socket.send(getLink(1, 1))).rejects.toThrow(expect.objectContaining({ code: 'EBADF' }));
    }
  });

  test('a long dump is complete while events arrive', async ({ net }) => {
    const addresses = Array.from({ length: 2000 }, (_, i) => `10.78.${i >> 8}.${i & 255}/32 dev lo`);
    net.batch(...addresses.map((address) => `address add ${address}`));
    const listener = net.listen({ receiveBuffer: 4 << 20 });
    const { socket, received } = listener;
    const dump = Buffer.alloc(24);
    dump.writeUInt32LE(24, 0);
    dump.writeUInt16LE(22, 4); // RTM_GETADDR
    dump.writeUInt16LE(0x301, 6);
    dump.writeUInt8(2, 16);
    socket.join(RTNLGRP_LINK);
    for (let round = 1; round <= 10; round++) {
      received.length = 0;
      dump.writeUInt32LE(round, 8);
      const sent = socket.send(dump);
      net.batch(...Array.from({ length: 20 }, (_, i) => `link set lo mtu ${60000 + i}`));
      await sent;
      await until(() => received.some(({ type, sequence }) => type === 3 && sequence === round));
      const dumped = received.filter(({ type, sequence }) => type === RTM_NEWADDR && sequence === round);
      expect(dumped.length).toBeGreaterThanOrEqual(2000);
    }
    expect(listener.overruns).toBe(0);
    socket.close();
  });
});

/** Netlink events through the addon, from the real kernel. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import {
  announced,
  getLink,
  isPrivate,
  messages,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_LINK,
  test,
  until,
  upToNow,
} from './net.ts';

describe.skipIf(!isPrivate)('events', () => {
  test('are received by a member of the group, not after leaving it', async ({ net }) => {
    const listener = net.listen();
    const { socket } = listener;
    socket.join(RTNLGRP_LINK);
    net.batch('link set lo mtu 60000');
    await upToNow(listener);
    const before = announced(listener);
    expect([...new Set(before.map(({ type }) => type))]).toEqual([RTM_NEWLINK]);
    socket.leave(RTNLGRP_LINK);
    net.batch('link set lo mtu 65536');
    await upToNow(listener);
    expect(announced(listener)).toEqual(before);
    socket.close();
  });

  test('arrive in batches, in order, in memory of their own', async ({ net }) => {
    const kept: [Buffer, Uint32Array][] = [];
    const { socket } = net.listen({
      // The maximum for an ordinary user if net.core.rmem_max was not raised: it holds about 550 events.
      receiveBuffer: 212_992,
      onBatch: (buffer, spans) => kept.push([buffer, spans]),
    });
    socket.join(RTNLGRP_IPV4_IFADDR);
    const count = () => kept.reduce((sum, [, spans]) => sum + spans.length / 2, 0);
    net.comeAndGo(200);
    await until(() => count() === 400);
    expect(count()).toBe(400);
    expect(kept.length).toBeLessThan(400);
    const types = kept.flatMap(([buffer, spans]) => messages(buffer, spans)).map(({ type }) => type);
    expect(types).toEqual(Array.from({ length: 400 }, (_, i) => RTM_NEWADDR + (i % 2)));
    socket.close();
  });

  test('are received again after an overrun', async ({ net }) => {
    const listener = net.listen({ receiveBuffer: 4096 });
    const { socket, received } = listener;
    socket.join(RTNLGRP_IPV4_IFADDR);
    net.comeAndGo(400); // the event loop is blocked meanwhile
    await until(() => listener.overruns > 0);
    expect(listener.overruns).toBe(1);
    await upToNow(listener);
    expect(received.length).toBeGreaterThan(0);
    expect(received.length).toBeLessThan(800);

    received.length = 0;
    for (let i = 0; i < 75; i++) {
      net.comeAndGo(1);
      await sleep(0);
    }
    await until(() => received.length >= 150);
    expect(received).toHaveLength(150);
    socket.close();
  });

  test('may be overrun more than once', async ({ net }) => {
    const listener = net.listen({ receiveBuffer: 4096 });
    listener.socket.join(RTNLGRP_IPV4_IFADDR);
    for (let round = 1; round <= 5; round++) {
      net.comeAndGo(100);
      await until(() => listener.overruns >= round);
      expect(listener.overruns).toBe(round);
    }
    listener.socket.close();
  });

  test('messages of another process are never accepted', async ({ net }) => {
    const { socket, received } = net.listen();
    const script = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
for i in range(20):
    s.sendto(struct.pack('=IHHII', 16, 16, 0, i, 0), (${socket.portId}, 0))
`;
    execFileSync('nsenter', [`--net=${net.path}`, 'python3', '-c', script]);
    await until(() => socket.foreign === 20);
    expect(socket.foreign).toBe(20);
    expect(received).toEqual([]);
    await socket.send(getLink(7, 1));
    await until(() => received.length > 0);
    expect(received[0]).toMatchObject({ type: RTM_NEWLINK, sequence: 7 });
    socket.close();
  });

  test('are accepted or dropped by a filter', async ({ net }) => {
    const { socket, received } = net.listen();
    socket.join(RTNLGRP_LINK);
    socket.join(RTNLGRP_IPV4_IFADDR);
    // ldh [4]; jeq #RTM_NEWLINK in network order, 0, 1; ret #-1; ret #0
    const program = new Uint8Array(32);
    const view = new DataView(program.buffer);
    const instructions: [code: number, yes: number, no: number, value: number][] = [
      [0x28, 0, 0, 4],
      [0x15, 0, 1, RTM_NEWLINK << 8],
      [0x06, 0, 0, 0xffffffff],
      [0x06, 0, 0, 0],
    ];
    for (const [i, [code, yes, no, value]] of instructions.entries()) {
      view.setUint16(i * 8, code, true);
      view.setUint8(i * 8 + 2, yes);
      view.setUint8(i * 8 + 3, no);
      view.setUint32(i * 8 + 4, value, true);
    }
    socket.filter(program);
    net.comeAndGo(10);
    net.batch('link set lo mtu 60000', 'link set lo mtu 65536');
    await until(() => received.length >= 2);
    expect(received.map(({ type }) => type)).toEqual([RTM_NEWLINK, RTM_NEWLINK]);
    socket.close();
  });

  test('no callback after close; close may be called in a callback', async ({ net }) => {
    let calls = 0;
    const listener = net.listen({
      onBatch: () => {
        calls++;
        listener.socket.close();
        listener.socket.close();
      },
    });
    listener.socket.join(RTNLGRP_IPV4_IFADDR);
    net.comeAndGo(700);
    await until(() => calls > 0);
    await sleep(50);
    // A late callback would be an error, and there is no event to wait for.
    expect(calls).toBe(1);
    expect(() => listener.socket.join(RTNLGRP_LINK)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import * as net from './net.ts';

describe.skipIf(!net.isPrivate)('what the kernel announces', () => {
  beforeAll(() => net.ip('link set lo up'));

  it('is heard by a member of its group, and not after leaving it', async () => {
    const listener = net.listen();
    const { socket, heard } = listener;
    socket.join(net.RTNLGRP_LINK);
    net.ip('link set lo mtu 60000');
    await net.until(() => heard.length > 0);
    expect(heard.map(({ type }) => type)).toEqual([net.RTM_NEWLINK]);
    socket.leave(net.RTNLGRP_LINK);
    net.ip('link set lo mtu 65536');
    await sleep(50);
    expect(heard).toHaveLength(1);
    socket.close();
  });

  it('comes in batches, in order, in memory of its own', async () => {
    const kept: [Buffer, Uint32Array][] = [];
    const { socket } = net.listen({
      receiveBuffer: 4 << 20,
      onBatch: (buffer, spans) => kept.push([buffer, spans]),
    });
    socket.join(net.RTNLGRP_IPV4_IFADDR);
    const count = () => kept.reduce((sum, [, spans]) => sum + spans.length / 2, 0);
    net.comeAndGo(300);
    await net.until(() => count() === 600);
    expect(count()).toBe(600);
    expect(kept.length).toBeLessThan(600);
    const types = kept.flatMap(([buffer, spans]) => net.messages(buffer, spans)).map(({ type }) => type);
    expect(types).toEqual(Array.from({ length: 600 }, (_, i) => net.RTM_NEWADDR + (i % 2)));
    socket.close();
  });

  it('is heard again after an overrun', async () => {
    const listener = net.listen({ receiveBuffer: 4096 });
    const { socket, heard } = listener;
    socket.join(net.RTNLGRP_IPV4_IFADDR);
    net.comeAndGo(400); // the event loop stands still meanwhile
    await net.until(() => listener.overruns > 0);
    expect(listener.overruns).toBe(1);
    await sleep(50);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.length).toBeLessThan(800);

    heard.length = 0;
    for (let i = 0; i < 375; i++) {
      net.comeAndGo(1);
      await sleep(0);
    }
    await net.until(() => heard.length >= 750);
    expect(heard).toHaveLength(750);
    socket.close();
  });

  it('is overrun more than once', async () => {
    const listener = net.listen({ receiveBuffer: 4096 });
    listener.socket.join(net.RTNLGRP_IPV4_IFADDR);
    for (let round = 1; round <= 5; round++) {
      net.comeAndGo(100);
      await net.until(() => listener.overruns >= round);
      expect(listener.overruns).toBe(round);
    }
    listener.socket.close();
  });

  it('is never taken from another process', async () => {
    const { socket, heard } = net.listen();
    const script = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
for i in range(20):
    s.sendto(struct.pack('=IHHII', 16, 16, 0, i, 0), (${socket.portId}, 0))
`;
    execFileSync('python3', ['-c', script]);
    await net.until(() => socket.foreign === 20);
    expect(socket.foreign).toBe(20);
    expect(heard).toEqual([]);
    await socket.send(net.getLink(7, 1));
    await net.until(() => heard.length > 0);
    expect(heard[0]).toMatchObject({ type: net.RTM_NEWLINK, sequence: 7 });
    socket.close();
  });

  it('passes a filter or not', async () => {
    const { socket, heard } = net.listen();
    socket.join(net.RTNLGRP_LINK);
    socket.join(net.RTNLGRP_IPV4_IFADDR);
    // ldh [4]; jeq #RTM_NEWLINK in network order, 0, 1; ret #-1; ret #0
    const program = new Uint8Array(32);
    const view = new DataView(program.buffer);
    const instructions: [code: number, yes: number, no: number, value: number][] = [
      [0x28, 0, 0, 4],
      [0x15, 0, 1, net.RTM_NEWLINK << 8],
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
    net.ip('link set lo mtu 60000', 'link set lo mtu 65536');
    await net.until(() => heard.length >= 2);
    expect(heard.map(({ type }) => type)).toEqual([net.RTM_NEWLINK, net.RTM_NEWLINK]);
    socket.close();
  });

  it('calls nothing after close, and close may be called in a callback', async () => {
    let calls = 0;
    const listener = net.listen({
      onBatch: () => {
        calls++;
        listener.socket.close();
        listener.socket.close();
      },
    });
    listener.socket.join(net.RTNLGRP_IPV4_IFADDR);
    net.comeAndGo(700);
    await net.until(() => calls > 0);
    await sleep(50);
    expect(calls).toBe(1);
    expect(() => listener.socket.join(net.RTNLGRP_LINK)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });
});

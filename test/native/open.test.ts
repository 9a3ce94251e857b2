/** Netlink sockets of the addon are opened and closed on the real kernel. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { SystemError } from '../../src/system/addon.ts';
import { announced, getLink, isPrivate, listen, Net, RTNLGRP_LINK, test, upToNow } from './net.ts';

describe.skipIf(!isPrivate)('opening a netlink socket', () => {
  test('returns port id, buffer size and namespace cookie', () => {
    const first = listen({ receiveBuffer: 100_000 }).socket;
    const second = listen().socket;
    expect(first.portId).toBeGreaterThan(0);
    expect(second.portId).not.toBe(first.portId);
    expect(first.receiveBuffer).toBe(200_000);
    expect(first.netnsCookie).toBe(second.netnsCookie);
    first.close();
    second.close();
  });

  test('in another namespace only receives its events, and changes no thread’s namespace', async ({
    net,
  }) => {
    const other = new Net();
    const cookie = (): bigint => {
      const { socket } = listen();
      socket.close();
      return socket.netnsCookie;
    };
    const before = cookie();
    const there = net.listen({ netns: other.path });
    const here = net.listen();
    try {
      expect(new Set([before, here.socket.netnsCookie, there.socket.netnsCookie]).size).toBe(3);
      there.socket.join(RTNLGRP_LINK);
      here.socket.join(RTNLGRP_LINK);
      other.batch('link set lo mtu 1400');
      for (const each of [there, here]) await upToNow(each);
      expect(announced(there).length).toBeGreaterThan(0);
      expect(announced(here)).toEqual([]);
      expect(cookie()).toBe(before);
    } finally {
      there.socket.close();
      here.socket.close();
      other.delete();
    }
  });

  test('throws the failed call and its errno', () => {
    const attempt = (netns: string) => () => listen({ netns });
    expect(attempt('/run/netns/none')).toThrow(SystemError);
    expect(attempt('/run/netns/none')).toThrow(
      expect.objectContaining({
        code: 'ENOENT',
        errno: 2,
        syscall: 'open',
        message: expect.stringContaining('none'),
      }),
    );
    expect(attempt('/etc/passwd')).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'setns' }));
    expect(attempt('/proc/self/ns/uts')).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setns' }),
    );
    expect(() => listen({ protocol: 31 })).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
    );
    const { socket } = listen();
    expect(() => socket.join(100_000)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }),
    );
    expect(() => socket.filter(new Uint8Array(8).fill(0xff))).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    socket.close();
  });

  test('throws EPERM for a namespace without CAP_SYS_ADMIN', () => {
    const script = `
      const addon = require('node-gyp-build')(process.argv[1]);
      addon.setErrorClass(class extends Error {
        constructor(errno, syscall) { super(); console.log(errno, syscall); }
      });
      const nothing = () => {};
      try { new addon.Netlink(0, '/proc/self/ns/net', 0, nothing, nothing, nothing); } catch {}
    `;
    const native = fileURLToPath(new URL('../../native', import.meta.url));
    const said = execFileSync('unshare', ['-U', process.execPath, '-e', script, native], {
      encoding: 'utf8',
    });
    expect(said).toBe('1 setns\n');
  });

  test('10,000 times leaks no descriptor, thread or memory', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const threads = () => readdirSync('/proc/self/task').length;
    const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    const round = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const { socket } = listen(i % 10 === 0 ? { netns: '/proc/self/ns/net' } : {});
        socket.join(RTNLGRP_LINK);
        if (i % 5 === 0) void socket.send(getLink(i, 0)).catch(() => undefined);
        socket.close();
        if (i % 100 === 0) await sleep(0);
      }
      await sleep(100);
    };
    await round(2000);
    const before = { descriptors: descriptors(), threads: threads(), resident: resident() };
    await round(10_000);
    // Descriptors and threads of the test's own process vary.
    await expect.poll(descriptors).toBeLessThanOrEqual(before.descriptors);
    await expect.poll(threads).toBeLessThanOrEqual(before.threads);
    // In KiB. The garbage collector is slow, but it could not hide 10,000 buffers of half a megabyte.
    expect(resident() - before.resident).toBeLessThan(64 * 1024);
  });
});

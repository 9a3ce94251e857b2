import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SystemError } from '../../src/system/addon.ts';
import * as net from './net.ts';

/** A process in a network namespace of its own, and that namespace's file. */
async function elsewhere(): Promise<{ path: string; end: () => Promise<void> }> {
  const child = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const end = async () => {
    const ended = once(child, 'close');
    child.kill();
    await ended;
  };
  return { path: `/proc/${child.pid}/ns/net`, end };
}

describe.skipIf(!net.isPrivate)('opening a netlink socket', () => {
  it('says who it is and what it was given', () => {
    const first = net.listen({ receiveBuffer: 100_000 }).socket;
    const second = net.listen().socket;
    expect(first.portId).toBeGreaterThan(0);
    expect(second.portId).not.toBe(first.portId);
    expect(first.receiveBuffer).toBe(200_000);
    expect(first.netnsCookie).toBe(second.netnsCookie);
    first.close();
    second.close();
  });

  it('in another namespace hears that one alone, and switches no thread of ours', async () => {
    const other = await elsewhere();
    const before = execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' });
    const there = net.listen({ netns: other.path });
    const here = net.listen();
    try {
      expect(there.socket.netnsCookie).not.toBe(here.socket.netnsCookie);
      there.socket.join(net.RTNLGRP_LINK);
      here.socket.join(net.RTNLGRP_LINK);
      execFileSync('nsenter', [`--net=${other.path}`, 'ip', 'link', 'set', 'lo', 'mtu', '1400']);
      await net.until(() => there.heard.length > 0);
      await sleep(20);
      expect(there.heard).toHaveLength(1);
      expect(here.heard).toHaveLength(0);
      expect(execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' })).toBe(before);
    } finally {
      there.socket.close();
      here.socket.close();
      await other.end();
    }
  });

  it('names the call that failed and its errno', () => {
    const attempt = (netns: string) => () => net.listen({ netns });
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
    expect(() => net.listen({ protocol: 31 })).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
    );
    const { socket } = net.listen();
    expect(() => socket.join(100_000)).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }),
    );
    expect(() => socket.filter(new Uint8Array(8).fill(0xff))).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    socket.close();
  });

  it('is refused entry to a namespace without the right to it', () => {
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

  it('leaves nothing behind when done 10,000 times', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const threads = () => readdirSync('/proc/self/task').length;
    const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    const round = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const { socket } = net.listen(i % 10 === 0 ? { netns: '/proc/self/ns/net' } : {});
        socket.join(net.RTNLGRP_LINK);
        if (i % 5 === 0) void socket.send(net.getLink(i, 0)).catch(() => undefined);
        socket.close();
        if (i % 100 === 0) await sleep(0);
      }
      await sleep(100);
    };
    await round(2000);
    const before = { descriptors: descriptors(), threads: threads(), resident: resident() };
    await round(10_000);
    expect(descriptors()).toBe(before.descriptors);
    expect(threads()).toBe(before.threads);
    // In KiB; the collector takes its time, 10,000 buffers of half a megabyte it could not hide.
    expect(resident() - before.resident).toBeLessThan(64 * 1024);
  }, 30_000);
});

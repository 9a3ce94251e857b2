/** Files of /proc that the addon reads in another network namespace of the real kernel. */
import { describe, expect, it } from 'vitest';
import { openNetlink, readInNamespace, SystemError } from '../../src/system/addon.ts';
import { isPrivate, Net, test } from './net.ts';

const FILE = '/proc/sys/net/mptcp/close_timeout';
const ignore = (): void => undefined;

describe.skipIf(!isPrivate)('a file of the reader’s network namespace', () => {
  test('is read in another namespace; the own namespace is unchanged', ({ net }) => {
    const other = new Net();
    try {
      other.sysctl('net.mptcp.close_timeout', 77);
      net.sysctl('net.mptcp.close_timeout', 66);
      const here = readInNamespace(FILE);
      expect(readInNamespace(FILE, other.path)).toBe('77\n');
      expect(readInNamespace(FILE, net.path)).toBe('66\n');
      expect(readInNamespace(FILE)).toBe(here);
    } finally {
      other.delete();
    }
  });

  test('is read completely', ({ net }) => {
    const sockets = Array.from({ length: 400 }, () =>
      openNetlink({ protocol: 2, netns: net.path, onBatch: ignore, onOverrun: ignore, onError: ignore }),
    );
    const table = readInNamespace('/proc/thread-self/net/netlink', net.path);
    for (const socket of sockets) socket.close();
    const ports = new Set(table.split('\n').map((line) => Number(line.split(/ +/)[2])));
    expect(sockets.filter(({ portId }) => !ports.has(portId))).toEqual([]);
  });
});

describe('reading in a namespace', () => {
  it('names the call that failed', () => {
    expect(() => readInNamespace('/proc/none')).toThrow(SystemError);
    expect(() => readInNamespace('/proc/none')).toThrow(/open \/proc\/none: .*ENOENT/);
    expect(() => readInNamespace('/proc')).toThrow(/read \/proc: .*EISDIR/);
    expect(() => readInNamespace('/proc/uptime', '/run/netns/none')).toThrow(/ENOENT/);
    expect(() => readInNamespace('/proc/uptime', '/etc/passwd')).toThrow(/setns .*EINVAL/);
  });

  it('only accepts paths', () => {
    for (const odd of [undefined, null, 1, '', 'nul\0', {}, [], new Uint8Array(1)]) {
      expect(() => readInNamespace(odd as never)).toThrow(TypeError);
      if (odd !== undefined) expect(() => readInNamespace('/proc/uptime', odd as never)).toThrow(TypeError);
    }
  });
});

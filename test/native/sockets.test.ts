/** Datagrams, credentials, file locks and MPTCP sockets of the addon, on the real kernel. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync } from 'node:fs';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import * as node from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  asFileUser,
  flock,
  mptcpSocket,
  peerCredentials,
  datagramSocket,
  sendDatagram,
  SystemError,
} from '../../src/system/addon.ts';
import { isWholeRoot } from '../hooks/scripts.ts';
import { isPrivate, test, until } from './net.ts';

const folder = mkdtempSync(join(tmpdir(), 'multihomed-'));
afterAll(() => rmSync(folder, { recursive: true }));

const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.settimeout(60)
s.bind(sys.argv[1].replace('@', chr(0), 1))
print('bound', flush=True)
print(s.recv(100).decode(), flush=True)
`;

describe('unix sockets and files', () => {
  for (const path of [join(folder, 'notify'), `@multihomed-test-${process.pid}`]) {
    it(`carry a datagram to ${path.startsWith('@') ? 'an abstract name' : 'a path'}`, async () => {
      const child = spawn('python3', ['-c', receiver, path], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (data: Buffer) => (said += data.toString()));
      await until(() => said.includes('bound'));
      sendDatagram(path, Buffer.from('READY=1'));
      await once(child, 'close');
      expect(said).toBe('bound\nREADY=1\n');
    });
  }

  it('refuse a datagram without a receiver', () => {
    const bytes = Buffer.from('x');
    expect(() => sendDatagram(join(folder, 'none'), bytes)).toThrow(SystemError);
    expect(() => sendDatagram(join(folder, 'none'), bytes)).toThrow(
      expect.objectContaining({ code: 'ENOENT', syscall: 'sendto' }),
    );
    expect(() => sendDatagram('@multihomed-none', bytes)).toThrow(
      expect.objectContaining({ code: 'ECONNREFUSED' }),
    );
    expect(() => sendDatagram('x'.repeat(200), bytes)).toThrow(
      expect.objectContaining({ code: 'ENAMETOOLONG' }),
    );
  });

  it('return the credentials of the peer', async () => {
    const path = join(folder, 'control');
    const server = node.createServer().listen(path);
    const client = node.connect(path);
    const [accepted] = (await once(server, 'connection')) as [node.Socket & { _handle: { fd: number } }];
    expect(peerCredentials(accepted._handle.fd)).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    client.destroy();
    accepted.destroy();
    server.close();
    expect(() => peerCredentials(99_999)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('are locked by one process', () => {
    const path = join(folder, 'lock');
    const first = openSync(path, 'w');
    const second = openSync(path, 'r');
    expect(flock(first)).toBe(true);
    expect(flock(first)).toBe(true);
    expect(flock(second)).toBe(false);
    closeSync(first);
    expect(flock(second)).toBe(true);
    closeSync(second);
    expect(() => flock(second)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }));
  });

  it('are made with the rights of another user, and afterwards with those of the process again', () => {
    const path = join(folder, 'of-user');
    const make = (name: string): number => (
      writeFileSync(join(path, name), ''),
      statSync(join(path, name)).uid
    );
    mkdirSync(path);
    chmodSync(folder, 0o755);
    if (!isWholeRoot()) {
      expect(() => asFileUser(990, 990, () => make('a'))).toThrow(expect.objectContaining({ code: 'EPERM' }));
      return;
    }
    expect(() => asFileUser(990, 990, () => make('a'))).toThrow(expect.objectContaining({ code: 'EACCES' }));
    chownSync(path, 990, 990);
    // Nested, as when a file that another program removed is made again.
    const nested = () => [asFileUser(990, 990, () => make('b')), make('c')];
    expect([asFileUser(990, 990, nested), make('d')]).toEqual([[990, 990], 0]);
  });
});

describe.skipIf(!isPrivate)('a ping socket', () => {
  for (const [family, address, request, reply] of [
    ['ipv4', '127.0.0.1', 8, 0],
    ['ipv6', '::1', 128, 129],
  ] as const) {
    test(`gets an answer over ${family}`, async ({ net }) => {
      net.sh('echo 0 0 >/proc/sys/net/ipv4/ping_group_range');
      const socket = createSocket(family === 'ipv6' ? 'udp6' : 'udp4');
      const fd = datagramSocket(family, 'icmp', { netns: net.path, device: 'lo', address });
      await new Promise<void>((resolve) => socket.bind({ fd }, resolve));
      socket.send(Buffer.from([request, 0, 0, 0, 0, 0, 0, 7]), 1, address);
      const [answer] = (await once(socket, 'message')) as [Buffer];
      expect([answer[0], answer.readUInt16BE(6)]).toEqual([reply, 7]);
      socket.close();
    });
  }

  test('is refused unless ping_group_range includes a group of the process', ({ net }) => {
    expect(() => datagramSocket('ipv4', 'icmp', { netns: net.path })).toThrow(
      expect.objectContaining({ code: 'EACCES' }),
    );
  });
});

describe.skipIf(!isPrivate)('a Multipath TCP socket', () => {
  for (const [family, address] of [
    ['ipv4', '127.0.0.1'],
    ['ipv6', '::1'],
  ] as const) {
    test(`listens and connects over ${family}, as ss shows`, async ({ net }) => {
      const netns = net.path;
      const server = node.createServer((socket) => socket.pipe(socket));
      server.listen({ fd: mptcpSocket(family, { netns, listen: { address, port: 0 } }) });
      await once(server, 'listening');
      const { port } = server.address() as node.AddressInfo;
      const client = new node.Socket({
        fd: mptcpSocket(family, { netns, bind: { address, port: 0 }, device: 'lo' }),
      });
      client.connect(port, address);
      await once(client, 'connect');
      client.write('hello');
      const [echo] = (await once(client, 'data')) as [Buffer];
      expect(echo.toString()).toBe('hello');
      const established = net.sh('ss -HMn state established');
      expect(established.split('\n').filter((line) => line.includes(`:${port}`))).toHaveLength(2);
      client.destroy();
      server.close();
    });
  }

  test('reuses an address at once, and reports EADDRINUSE', ({ net }) => {
    const netns = net.path;
    const listen = { address: '127.0.0.1', port: 4433 };
    const first = mptcpSocket('ipv4', { netns, listen });
    expect(() => mptcpSocket('ipv4', { netns, listen })).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE', message: expect.stringContaining('127.0.0.1') }),
    );
    closeSync(first);
    closeSync(mptcpSocket('ipv4', { netns, listen, protocol: 'tcp' }));
    expect(() => mptcpSocket('ipv4', { netns, bind: { address: '192.0.2.1', port: 0 } })).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'bind' }),
    );
    expect(() => mptcpSocket('ipv4', { netns, device: 'none0' })).toThrow(
      expect.objectContaining({ code: 'ENODEV' }),
    );
    expect(() => mptcpSocket('ipv4', { netns, device: 'lo'.repeat(10) })).toThrow(
      expect.objectContaining({ code: 'ENODEV' }),
    );
    expect(() => mptcpSocket('ipv6', { netns, bind: { address: '127.0.0.1', port: 0 } })).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    closeSync(mptcpSocket('ipv4', { netns: '/proc/self/ns/net' }));
  });
});

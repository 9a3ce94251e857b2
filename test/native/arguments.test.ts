/** Invalid arguments to every function of the addon. */
import { describe, expect, it } from 'vitest';
import {
  asFileUser,
  executeInNamespace,
  exitOf,
  flock,
  mptcpSocket,
  datagramSocket,
  openNetlink,
  peerCredentials,
  reap,
  sendDatagram,
  spawnGroup,
} from '../../src/system/addon.ts';
import { isPrivate } from './net.ts';

const oddities: unknown[] = [
  undefined,
  null,
  -1,
  1.5,
  NaN,
  Infinity,
  2 ** 32,
  10n,
  '',
  'nul\0',
  true,
  {},
  [],
  Symbol('odd'),
  () => undefined,
  new Uint16Array(8),
  new ArrayBuffer(8),
  new DataView(new ArrayBuffer(8)),
];

/** Calls that a type checker would refuse. */
function odd(call: (value: never) => unknown, fine: readonly unknown[] = []): void {
  for (const value of oddities.filter((oddity) => !fine.includes(oddity))) {
    expect(() => call(value as never), String(value)).toThrow(TypeError);
  }
}

const nothing = () => undefined;
const options = { protocol: 0, onBatch: nothing, onOverrun: nothing, onError: nothing };

describe('invalid arguments', () => {
  it('are refused by functions without a socket', () => {
    const bytes = new Uint8Array(1);
    odd((value) => sendDatagram(value, bytes));
    odd((value) => sendDatagram('/', value));
    odd((value) => peerCredentials(value));
    odd((value) => flock(value));
    odd((value) => asFileUser(value, 0, nothing));
    odd((value) => asFileUser(0, value, nothing));
    odd(
      (value) => asFileUser(0, 0, value),
      oddities.filter((each) => typeof each === 'function'),
    );
    odd((value) => exitOf(value));
    odd((value) => reap(value));
    odd((value) => spawnGroup(value, [], [], null));
    const lists = oddities.filter((oddity) => Array.isArray(oddity));
    odd((value) => spawnGroup(0, value, [], null), lists);
    odd((value) => spawnGroup(0, [], value, null), lists);
    odd((value) => spawnGroup(0, [value], [], null), ['']);
    odd((value) => spawnGroup(0, [], [value], null), ['']);
    odd((value) => spawnGroup(0, [], [], { uid: value, gid: 0 }), [undefined]);
    odd((value) => spawnGroup(0, [], [], { uid: 0, gid: value }), [undefined]);
    odd((value) => executeInNamespace(value, ['/bin/false']), [undefined]);
    odd((value) => executeInNamespace('/nonexistent', value), lists);
    odd((value) => executeInNamespace('/nonexistent', [value]), ['']);
    odd((value) => datagramSocket(value, 'udp'));
    odd((value) => datagramSocket('ipv4', value));
    odd((value) => datagramSocket('ipv4', 'icmp', { netns: value }), [undefined]);
    odd((value) => datagramSocket('ipv4', 'icmp', { device: value }), [undefined]);
    odd((value) => datagramSocket('ipv4', 'icmp', { address: value }), [undefined]);
    odd((value) => mptcpSocket(value));
    odd((value) => mptcpSocket('ipv4', { netns: value }), [undefined]);
    odd((value) => mptcpSocket('ipv4', { device: value }), [undefined]);
    odd((value) => mptcpSocket('ipv4', { protocol: value }), [undefined]);
    odd((value) => mptcpSocket('ipv4', { bind: { address: value, port: 0 } }));
    odd((value) => mptcpSocket('ipv4', { bind: { address: '127.0.0.1', port: value } }));
    odd(
      (value) => mptcpSocket('ipv4', { listen: { address: '127.0.0.1', port: 0, backlog: value } }),
      [undefined, -1],
    );
    const both = { address: '127.0.0.1', port: 0 };
    expect(() => mptcpSocket('ipv4', { bind: both, listen: both })).toThrow(TypeError);
  });

  it('are refused if a list changes while it is read or is too long', () => {
    const growing: string[] = ['x'];
    Object.defineProperty(growing, 1, {
      get: () => {
        for (let i = 0; i < 1000; i++) growing.push('y');
        return 7;
      },
    });
    const lists = [growing, Object.assign([], { length: 2 ** 32 - 1 })];
    for (const list of lists) {
      expect(() => executeInNamespace('/nonexistent', list)).toThrow(TypeError);
      expect(() => spawnGroup(0, list, [], null)).toThrow(TypeError);
      expect(() => spawnGroup(0, [], list, null)).toThrow(TypeError);
    }
  });

  it('are refused by a netlink socket', () => {
    odd((value) => openNetlink({ ...options, protocol: value }));
    odd((value) => openNetlink({ ...options, netns: value }), [undefined]);
    odd((value) => openNetlink({ ...options, receiveBuffer: value }), [undefined]);
    for (const name of ['onBatch', 'onOverrun', 'onError']) {
      const functions = oddities.filter((oddity) => typeof oddity === 'function');
      odd((value) => openNetlink({ ...options, [name]: value }), functions);
    }
  });

  it.skipIf(!isPrivate)('are refused by its methods, and so is another receiver', async () => {
    const socket = openNetlink(options);
    odd((value) => socket.join(value));
    odd((value) => socket.leave(value));
    odd((value) => socket.filter(value));
    for (const value of oddities) await expect(socket.send(value as never)).rejects.toThrow(TypeError);
    for (const length of [0, 7, 9, 8 * 4097])
      expect(() => socket.filter(new Uint8Array(length))).toThrow(TypeError);
    for (const receiver of [undefined, {}, [], Object.create(socket)]) {
      expect(() => Reflect.apply(Reflect.get(socket, 'join'), receiver, [1])).toThrow();
    }
    socket.close();
  });
});

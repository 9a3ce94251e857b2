/** Counters from sysfs where it shows the same link, otherwise from netlink. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PacketCounters } from '../../src/daemon/packet-counters.ts';
import { Writer } from '../../src/netlink/bytes.ts';
import type { Requester } from '../../src/netlink/connection.ts';

let sysfs: string;
beforeEach(() => (sysfs = mkdtempSync(join(tmpdir(), 'multihomed-sysfs-'))));
afterEach(() => rmSync(sysfs, { recursive: true }));

function put(name: string, received: number, sent: number): void {
  const folder = join(sysfs, 'class/net', name, 'statistics');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'rx_packets'), `${received}\n`);
  writeFileSync(join(folder, 'tx_packets'), `${sent}\n`);
}

/** Answers with the same counters always, and counts the questions. */
function netlink(received: number, sent: number): { requester: Requester; asked: () => number } {
  const stats = Buffer.alloc(200);
  stats.writeBigUInt64LE(BigInt(received), 0);
  stats.writeBigUInt64LE(BigInt(sent), 8);
  const payload = new Writer().bytes(Buffer.alloc(12)).attributeBytes(1, stats).done();
  let asked = 0;
  const request = () => {
    asked++;
    return Promise.resolve([{ type: 92, flags: 0, sequence: 1, portId: 1, payload }]);
  };
  return { requester: { request, dump: request }, asked: () => asked };
}

const openFiles = (): number => readdirSync('/proc/self/fd').length;

test('files that agree with netlink are read without it, until the link is gone', async () => {
  put('eth0', 5, 7);
  const { requester, asked } = netlink(5, 7);
  const counters = new PacketCounters(requester, sysfs);
  const before = openFiles();
  expect(await counters.read(3, 'eth0')).toEqual({ received: 5, sent: 7 });
  put('eth0', 6, 9);
  expect(await counters.read(3, 'eth0')).toEqual({ received: 6, sent: 9 });
  expect([asked(), openFiles() - before]).toEqual([2, 2]);
  counters.keep(new Set());
  expect(openFiles()).toBe(before);
});

test.each([
  ['of a link of another namespace', () => put('eth0', 50, 70)],
  ['that are missing', () => undefined],
])('files %s are not used', async (_, prepare) => {
  prepare();
  const counters = new PacketCounters(netlink(5, 7).requester, sysfs);
  expect(await counters.read(3, 'eth0')).toEqual({ received: 5, sent: 7 });
  expect(await counters.read(3, 'eth0')).toEqual({ received: 5, sent: 7 });
  counters.close();
});

test('a renamed link is looked for again', async () => {
  put('eth0', 5, 7);
  const { requester, asked } = netlink(5, 7);
  const counters = new PacketCounters(requester, sysfs);
  await counters.read(3, 'eth0');
  put('lan', 5, 7);
  expect(await counters.read(3, 'lan')).toEqual({ received: 5, sent: 7 });
  expect(asked()).toBe(4);
  counters.close();
});

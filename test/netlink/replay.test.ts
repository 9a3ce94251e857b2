/** Recorded messages in both directions: the same requests are sent, and the same answers are decoded. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import type { NetlinkSocketOptions } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { CASES } from './cases.ts';
import { readRecording, recordings, type Exchange } from './recording.ts';
import { Wire } from './wire.ts';

const wires: Wire[] = [];
vi.mock(import('../../src/system/addon.ts'), async (original) => ({
  ...(await original()),
  openNetlink: (options: NetlinkSocketOptions) => {
    wires.push(new Wire(options));
    return wires.at(-1)!;
  },
}));

/** Type, flags and payload; without length, sequence and port, which the connection assigns. */
const comparable = (bytes: Buffer): string => bytes.toString('hex', 4, 8) + bytes.toString('hex', 16);

function renumbered(recorded: Buffer, sequence: number): Buffer {
  const bytes = Buffer.from(recorded);
  bytes.writeUInt32LE(sequence, 8);
  return bytes;
}

describe.each(recordings().filter((name) => name.endsWith('-requests.txt')))('%s', (name) => {
  const recorded = readRecording(name);
  let ahead: Exchange[] = [];
  let connection: NetlinkConnection;

  beforeEach(() => {
    connection = new NetlinkConnection({ protocol: 0, clock: systemClock });
    const wire = wires.at(-1)!;
    wire.onSend = (sent) => {
      const exchange = ahead.shift();
      expect(comparable(sent)).toBe(exchange && comparable(exchange.sent));
      const sequence = sent.readUInt32LE(8);
      for (const each of exchange!.received) wire.deliver(renumbered(each, sequence));
    };
  });

  test.each(CASES)('$name', async ({ name: each, ask, expected }) => {
    ahead = [...(recorded.get(each) ?? [])];
    // The number of a generic family differs between hosts.
    const mptcp = { id: ahead[0]!.sent.readUInt16LE(4), groups: new Map<string, number>() };
    const answer = await ask({ route: connection, generic: connection, mptcp });
    expect(answer, 'if scene.ts or cases.ts has changed, record again (MULTIHOMED_RECORD)').toEqual(expected);
    expect(ahead).toEqual([]);
  });

  test('has every case and no other', () => {
    expect([...recorded.keys()]).toEqual(CASES.map((each) => each.name));
  });
});

/** Requests and answers on a simulated socket, for behaviour that a test cannot provoke in a kernel. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { SystemError, type NetlinkSocketOptions } from '../../src/system/addon.ts';
import { TestClock } from '../model/clock.ts';
import { asked, failure, outcome, part, texts, turn } from './talk.ts';
import { acknowledgement, done, sequences, Wire } from './wire.ts';

let wire: Wire;
vi.mock(import('../../src/system/addon.ts'), async (original) => ({
  ...(await original()),
  openNetlink: (options: NetlinkSocketOptions) => (wire = new Wire(options)),
}));

let clock: TestClock;
let connection: NetlinkConnection;
beforeEach(() => {
  clock = new TestClock();
  connection = new NetlinkConnection({ protocol: 0, clock });
});

describe('requests', () => {
  test('of one turn are sent in one sendmsg, in order', async () => {
    const all = Promise.all(['a', 'b', 'c'].map((each) => connection.request(asked(each))));
    await turn();
    expect(wire.sent.map(sequences)).toEqual([[1, 2, 3]]);
    wire.deliver(acknowledgement(1), acknowledgement(2), acknowledgement(3));
    expect(await all).toEqual([[], [], []]);
  });

  test('of later turns are sent later', async () => {
    const first = connection.request(asked('a'));
    await turn();
    const second = connection.request(asked('b'));
    await turn();
    expect(wire.sent.map(sequences)).toEqual([[1], [2]]);
    wire.deliver(Buffer.concat([acknowledgement(2), acknowledgement(1)]));
    expect(await Promise.all([first, second])).toEqual([[], []]);
  });

  test('that are large are split over several sendmsg', async () => {
    const all = Promise.all([1, 2, 3, 4, 5].map(() => connection.request(asked('large', 6000))));
    await turn();
    expect(wire.sent.map(sequences)).toEqual([[1, 2], [3, 4], [5]]);
    for (let i = 1; i <= 5; i++) wire.deliver(acknowledgement(i));
    await all;
  });

  test('beyond 128 wait for answers', async () => {
    const all = Promise.all(Array.from({ length: 200 }, () => connection.request(asked('many'))));
    await turn();
    const flying = wire.sent.flatMap(sequences);
    expect(flying).toHaveLength(128);
    for (const each of flying) wire.deliver(acknowledgement(each));
    await turn();
    expect(wire.sent.flatMap(sequences)).toHaveLength(200);
    for (let i = 129; i <= 200; i++) wire.deliver(acknowledgement(i));
    expect(await all).toHaveLength(200);
  });

  test('carry NLM_F_REQUEST and NLM_F_ACK, padded to four', async () => {
    const promise = outcome(connection.request({ ...asked('odd', 5), flags: 0x400 }));
    await turn();
    expect(wire.sent[0]!.toString('hex')).toBe('150000001a0005040100000000000000ababababab000000');
    wire.deliver(acknowledgement(1));
    await promise;
  });

  test('return the answers that precede the acknowledgement', async () => {
    const promise = connection.request(asked('get'));
    await turn();
    wire.deliver(part(1, 'one', 0), part(1, 'two', 0));
    wire.deliver(acknowledgement(1));
    expect(texts(await promise)).toEqual(['one', 'two']);
  });

  test('that the kernel refuses reject with errno and its text', async () => {
    const promise = outcome(connection.request(asked('route add', 12)));
    await turn();
    const offset = Buffer.alloc(4);
    offset.writeUInt32LE(16);
    wire.deliver(
      acknowledgement(1, 101, [
        [1, Buffer.from('Nexthop has invalid gateway\0')],
        [2, offset],
      ]),
    );
    expect(await promise).toEqual(
      failure('ENETUNREACH', {
        errno: 101,
        operation: 'route add',
        kernelText: 'Nexthop has invalid gateway',
        // Type 0xabab of the attribute at byte 16, without its flag bits.
        attribute: 0x2bab,
        message: 'route add: ENETUNREACH: Nexthop has invalid gateway (attribute 11179)',
      }),
    );
  });

  test.each([0, 15, 21, 0xffff_fff0])(
    'whose error has the invalid offset %i name no attribute',
    async (at) => {
      const promise = outcome(connection.request(asked('x', 8)));
      await turn();
      const offset = Buffer.alloc(4);
      offset.writeUInt32LE(at);
      wire.deliver(acknowledgement(1, 22, [[2, offset]]));
      expect(await promise).toEqual(failure('EINVAL', { attribute: undefined }));
    },
  );

  test('one refused among many: only that one rejects', async () => {
    const all = Promise.all(['a', 'b', 'c'].map((each) => outcome(connection.request(asked(each)))));
    await turn();
    wire.deliver(acknowledgement(1), acknowledgement(2, 17), acknowledgement(3));
    expect(await all).toEqual([[], failure('EEXIST', { operation: 'b' }), []]);
  });

  test('that cannot be sent reject with the errno of sendmsg', async () => {
    wire.onSend = () => Promise.reject(new SystemError(1, 'sendmsg', 'Operation not permitted'));
    expect(await outcome(connection.request(asked('x')))).toEqual(failure('EPERM', { operation: 'x' }));
    wire.onSend = () => undefined;
    const next = connection.request(asked('y'));
    await turn();
    wire.deliver(acknowledgement(2));
    await next;
  });

  test('without an answer reject after 30 s, and a late answer is ignored', async () => {
    const promise = outcome(connection.request(asked('lost')));
    await turn();
    clock.step(29_999);
    wire.deliver(acknowledgement(99));
    clock.step(1);
    expect(await promise).toEqual(failure('ETIMEDOUT', { operation: 'lost' }));
    wire.deliver(acknowledgement(1));
    expect(clock.next).toBeNull();
  });

  test('leave no timer behind and let the process end', async () => {
    expect(wire.alive).toBe(false);
    const promise = connection.request(asked('x'));
    await turn();
    expect(wire.alive).toBe(true);
    wire.deliver(acknowledgement(1));
    await promise;
    expect(clock.next).toBeNull();
    expect(wire.alive).toBe(false);
  });
});

describe('dumps', () => {
  test('are collected over datagrams until NLMSG_DONE', async () => {
    const promise = connection.dump(asked('show'));
    await turn();
    wire.deliver(Buffer.concat([part(1, 'one'), part(1, 'two')]));
    await turn();
    wire.deliver(part(1, 'thr'), Buffer.concat([part(1, 'four'), done(1)]));
    expect(texts(await promise)).toEqual(['one', 'two', 'thr', 'four']);
  });

  test('are sent one after the other, each in its own sendmsg', async () => {
    const all = Promise.all([
      connection.dump(asked('a')),
      connection.dump(asked('b')),
      connection.request(asked('c')),
    ]);
    await turn();
    await turn();
    expect(wire.sent.flatMap(sequences).sort((a, b) => a - b)).toEqual([1, 2]);
    const [dump] = wire.sent.flatMap((each) => sequences(each)).filter((each) => dumpOf(each));
    wire.deliver(done(dump!), acknowledgement(3 - dump!));
    await turn();
    expect(wire.sent.flatMap(sequences).sort((a, b) => a - b)).toEqual([1, 2, 3]);
    wire.deliver(done(3));
    await all;
  });

  const dumpOf = (sequence: number): boolean =>
    wire.sent.some(
      (bytes) => bytes.readUInt32LE(8) === sequence && (bytes.readUInt16LE(6) & 0x300) === 0x300,
    );

  test('that were interrupted (NLM_F_DUMP_INTR) are repeated, five times at most', async () => {
    const promise = connection.dump(asked('show'));
    for (let attempt = 1; attempt <= 5; attempt++) {
      await turn();
      expect(wire.sent).toHaveLength(attempt);
      wire.deliver(part(attempt, `t${attempt}`, attempt === 3 ? 2 : 2 | 0x10), done(attempt, 0, 2 | 0x10));
      await turn();
      clock.step(1000);
    }
    expect(texts(await promise)).toEqual(['t5']);
    expect(wire.sent).toHaveLength(5);
  });

  test('that were interrupted once are complete the second time', async () => {
    const promise = connection.dump(asked('show'));
    await turn();
    wire.deliver(part(1, 'half'), done(1, 0, 2 | 0x10));
    await turn();
    clock.step(1000);
    await turn();
    wire.deliver(part(2, 'one'), part(2, 'two'), done(2));
    expect(texts(await promise)).toEqual(['one', 'two']);
  });

  test('that fail midway reject, and the next one works', async () => {
    const first = outcome(connection.dump(asked('a')));
    const second = connection.dump(asked('b'));
    await turn();
    wire.deliver(part(1, 'one'), done(1, 2));
    expect(await first).toEqual(failure('ENOENT', { operation: 'a' }));
    await turn();
    wire.deliver(done(2));
    expect(await second).toEqual([]);
  });
});

/** Requests when the socket loses answers, fails, or is closed. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { SystemError, type NetlinkSocketOptions } from '../../src/system/addon.ts';
import { TestClock } from '../model/clock.ts';
import { asked, failure, outcome, turn } from './talk.ts';
import { acknowledgement, sequences, Wire } from './wire.ts';

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

describe('socket errors', () => {
  const both = (): Promise<unknown[]> =>
    Promise.all([outcome(connection.request(asked('a'))), outcome(connection.dump(asked('b')))]);

  test('an overrun rejects all pending requests, and later ones work', async () => {
    const promise = both();
    await turn();
    wire.options.onOverrun();
    expect(await promise).toEqual([
      failure('ENOBUFS', { kernelText: 'answers were lost' }),
      failure('ENOBUFS'),
    ]);
    const next = connection.request(asked('c'));
    await turn();
    wire.deliver(acknowledgement(3));
    expect(await next).toEqual([]);
  });

  test('a closed socket rejects all with the cause', async () => {
    const promise = both();
    await turn();
    wire.options.onError(new SystemError(9, 'recvmsg', 'Bad file descriptor'));
    expect(await promise).toEqual([failure('EBADF'), failure('EBADF')]);
  });

  const many = (): Promise<unknown>[] =>
    Array.from({ length: 200 }, () => outcome(connection.request(asked('many'))));
  const afterwards = async (all: readonly Promise<unknown>[], code: string): Promise<void> => {
    expect(
      (await Promise.all(all.slice(0, 128))).every((each) => (each as { code: string }).code === code),
    ).toBe(true);
    await turn();
    expect(wire.sent.flatMap(sequences)).toHaveLength(200);
    for (let i = 129; i <= 200; i++) wire.deliver(acknowledgement(i));
    expect(await Promise.all(all.slice(128))).toEqual(Array.from({ length: 72 }, () => []));
  };

  test('queued requests are sent after an overrun', async () => {
    const all = many();
    await turn();
    wire.options.onOverrun();
    await afterwards(all, 'ENOBUFS');
  });

  test('queued requests are sent after a time-out', async () => {
    const all = many();
    await turn();
    clock.step(30_000);
    await afterwards(all, 'ETIMEDOUT');
  });

  test('a closed socket rejects queued requests, too', async () => {
    const all = many();
    await turn();
    wire.onSend = () => Promise.reject(new SystemError(9, 'sendmsg', 'Bad file descriptor'));
    wire.options.onError(new SystemError(9, 'recvmsg', 'Bad file descriptor'));
    const codes = (await Promise.all(all)).map((each) => (each as { code: string }).code);
    expect(new Set(codes)).toEqual(new Set(['EBADF']));
  });

  test.each([
    ['a length beyond the datagram', 'ffff00001a000000'],
    ['a length below a header', '040000001a000000'],
  ])('%s rejects pending requests; other messages are delivered', async (_, head) => {
    const promise = both();
    await turn();
    wire.deliver(Buffer.concat([Buffer.from(head, 'hex'), Buffer.alloc(24)]));
    expect(await promise).toEqual([failure('EBADMSG'), failure('EBADMSG')]);
  });

  test('close rejects pending and later requests', async () => {
    const promise = both();
    const queued = Promise.all(Array.from({ length: 200 }, () => outcome(connection.request(asked('many')))));
    await turn();
    connection.close();
    connection.close();
    expect(wire.closed).toBe(true);
    expect(await promise).toEqual([failure('ECANCELED'), failure('ECANCELED')]);
    expect(new Set((await queued).map((error) => (error as { code: string }).code))).toEqual(
      new Set(['ECANCELED']),
    );
    expect(await outcome(connection.request(asked('late')))).toEqual(failure('ECANCELED'));
    expect(await outcome(connection.dump(asked('late')))).toEqual(failure('ECANCELED'));
    expect(clock.next).toBeNull();
  });
});

/** When a path counts as dead, by the unacknowledged data of its subflows. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/health/decide.ts';
import { DEFAULT_HEALTH } from '../../src/rules/validate.ts';
import { judge, type Waits } from '../../src/health/judge.ts';
import { Path } from '../../src/health/path.ts';
import { subflow, type SubflowFields } from './sockets.ts';

/** Judges samples of one path at increasing times. */
function looks(...all: readonly (readonly [at: number, ...flows: SubflowFields[]])[]): string[] {
  let waits: Waits = new Map();
  return all.map(([at, ...flows]) => {
    const judgement = judge(waits, flows.map(subflow), at, DEFAULT_HEALTH);
    waits = judgement.waits;
    return judgement.verdict.kind;
  });
}

describe('a path', () => {
  test('without unacknowledged data is idle, however long ago something arrived', () =>
    expect(looks([0, { sinceAck: 60_000, sinceData: 60_000, sinceSent: 60_000 }])).toEqual(['idle']));

  test('is stalled when data is unacknowledged for 3 round-trip times and 50 ms', () => {
    const flow = { unacked: 10, rtt: 30_000 };
    expect(
      looks(
        [0, { ...flow, sinceAck: 5, sinceData: 900 }],
        [135, { ...flow, sinceAck: 140, sinceData: 1_035, sinceSent: 120 }],
        [141, { ...flow, sinceAck: 146, sinceData: 1_041, sinceSent: 60, retransmits: 1 }],
      ),
    ).toEqual(['waiting', 'waiting', 'stalled']);
  });

  test('is not stalled within the variation of its round-trip time', () => {
    const flow = { unacked: 10, rtt: 30_000, rttVariation: 20_000, sinceData: 9_000 };
    expect(looks([0, { ...flow, sinceAck: 0 }], [210, { ...flow, sinceAck: 210, sinceSent: 190 }])).toEqual([
      'waiting',
      'waiting',
    ]);
  });

  test('is not stalled by the first data after a pause', () =>
    expect(
      looks(
        [0, { sinceAck: 9_000, sinceData: 9_000, sinceSent: 9_000 }],
        [20, { unacked: 10, sinceAck: 9_020, sinceData: 9_020, sinceSent: 1 }],
        [100, { unacked: 10, sinceAck: 9_100, sinceData: 9_100, sinceSent: 81 }],
      ),
    ).toEqual(['idle', 'waiting', 'waiting']));

  test('is not stalled by data that was last sent before the path was in use again', () => {
    const flow = { unacked: 20, rtt: 1_000, sinceAck: 1_500, sinceData: 1_500 };
    const kinds = [900, 60, 190].map(
      (sinceSent) =>
        judge(new Map(), [subflow({ ...flow, sinceSent })], 10_000, DEFAULT_HEALTH, {
          lossy: false,
          usedSince: 9_800,
        }).verdict.kind,
    );
    expect(kinds).toEqual(['idle', 'stalled', 'stalled']);
  });

  test('is not stalled by one lost segment and its probe', () => {
    const lone = { unacked: 1, rtt: 1_000, sinceData: 9_000 };
    expect(
      looks(
        [0, { ...lone, sinceAck: 0 }],
        [230, { ...lone, sinceAck: 230, sinceSent: 20, retransmits: 1 }],
        [900, { ...lone, sinceAck: 900, sinceSent: 200, retransmits: 3 }],
      ),
    ).toEqual(['waiting', 'waiting', 'stalled']);
  });

  test('works if another of its subflows receives something meanwhile', () => {
    const stuck = { unacked: 10, rtt: 10_000, sinceData: 9_000 };
    expect(
      looks(
        [0, { ...stuck, sinceAck: 0 }],
        [
          200,
          { ...stuck, sinceAck: 200, sinceSent: 180 },
          { cookie: 2, token: 2, sinceAck: 30, sinceData: 30 },
        ],
      ),
    ).toEqual(['waiting', 'waiting']);
  });

  test('that dies later is stalled even if one peer was dead before', () => {
    const stuck = { unacked: 10, rtt: 10_000, sinceData: 9_000 };
    const other = { ...stuck, cookie: 2, token: 2 };
    expect(
      looks(
        [0, { ...stuck, sinceAck: 0 }, { cookie: 2, token: 2, sinceAck: 0 }],
        [500, { ...stuck, sinceAck: 500, sinceSent: 400 }, { ...other, sinceAck: 5 }],
        [700, { ...stuck, sinceAck: 700, sinceSent: 600 }, { ...other, sinceAck: 205, sinceSent: 150 }],
      ),
    ).toEqual(['waiting', 'waiting', 'stalled']);
  });

  test('with acknowledgements at a tenth of the rate works (a queue has grown)', () => {
    const flow = { unacked: 80, sinceData: 9_000, sinceSent: 1 };
    expect(
      looks(
        [0, { ...flow, rtt: 30_000, sinceAck: 0 }],
        [50, { ...flow, rtt: 60_000, sinceAck: 40 }],
        [150, { ...flow, rtt: 140_000, sinceAck: 90 }],
        [350, { ...flow, rtt: 300_000, sinceAck: 120 }],
      ),
    ).toEqual(['waiting', 'waiting', 'waiting', 'waiting']);
  });
});

describe('a path that loses segments', () => {
  const flow = { unacked: 3, rtt: 10_000, sinceData: 9_000 };
  const stalled = (lossy: boolean, now: number, more: SubflowFields): boolean => {
    const waits: Waits = new Map([[1, { since: 0, retransmits: 0, unacked: 3, lost: 0 }]]);
    const socket = subflow({ ...flow, sinceAck: now, sinceSent: 10, ...more });
    return judge(waits, [socket], now, DEFAULT_HEALTH, { lossy }).verdict.kind === 'stalled';
  };

  test('is stalled after twice the time, and only after a retransmission timeout', () => {
    const [probe, timeout] = [{ retransmits: 1 }, { retransmits: 2, timeouts: 1, sinceSent: 100 }];
    expect([stalled(false, 90, {}), stalled(false, 90, probe), stalled(true, 90, probe)]).toEqual([
      false,
      true,
      false,
    ]);
    expect([stalled(true, 300, probe), stalled(true, 300, timeout), stalled(true, 90, timeout)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('is recognized by segments lost while it works, without duplicates', () => {
    const lost = (more: SubflowFields): boolean => {
      const { waits } = judge(new Map(), [subflow(flow)], 0, DEFAULT_HEALTH);
      return judge(waits, [subflow({ ...flow, ...more })], 250, DEFAULT_HEALTH).isLosing;
    };
    expect([lost({ retransmits: 2 }), lost({ retransmits: 2, duplicates: 2 }), lost({})]).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('of two paths', () => {
  const paths = (): [Path, Path] => [
    new Path('2/192.0.2.10', 'ipv4', 2, '192.0.2.10', 24),
    new Path('3/203.0.113.10', 'ipv4', 3, '203.0.113.10', 24),
  ];
  const dead: SubflowFields = {
    unacked: 10,
    rtt: 10_000,
    retransmits: 1,
    sinceAck: 300,
    sinceData: 300,
    sinceSent: 90,
  };
  const waits: Waits = new Map(
    [1, 2, 7].map((cookie) => [cookie, { since: 710, retransmits: 0, unacked: 10, lost: 0 }]),
  );
  const there: SubflowFields = { address: '203.0.113.10', cookie: 7 };
  const decided = (sockets: readonly SubflowFields[]) =>
    decide(
      paths().map((path) => Object.assign(path, { waits })),
      sockets.map(subflow),
      1_000,
      DEFAULT_HEALTH,
    );
  const named = (sockets: readonly SubflowFields[]): unknown[] =>
    decided(sockets).decisions.map(({ path, dependants, movable }) => [
      ...[path.address, dependants],
      movable.map(({ cookie }) => cookie),
    ]);

  test('the one that does not answer is suspect', () =>
    expect(named([dead, there])).toEqual([['192.0.2.10', 0, [1]]]));

  test('neither is suspect if the peer answers on neither', () =>
    expect(named([dead, { ...dead, ...there }])).toEqual([]));

  test('none is suspect if all connections only have this one', () => expect(named([dead])).toEqual([]));

  test('a stalled connection without another path is stuck, and a suspect path is to be tried again', () => {
    const stuck = (...sockets: SubflowFields[]): boolean => decided(sockets).isStuck;
    expect([stuck(dead), stuck(dead, { ...dead, ...there })]).toEqual([true, true]);
    expect([stuck(dead, there), stuck(there), stuck()]).toEqual([false, false, false]);
  });

  test('connections with a single path are counted and not moved', () =>
    expect(named([dead, there, { ...dead, token: 2, cookie: 2 }])).toEqual([['192.0.2.10', 1, [1]]]));

  test('a subflow that is not yet established does not count as a second path', () =>
    expect(named([dead, { ...there, state: 'SYN-SENT' }])).toEqual([]));

  test('a subflow that the peer has not accepted does not count as a second path', () =>
    expect(named([dead, { ...there, accepted: false }])).toEqual([]));

  test('a peer in the own subnet is not evidence for the path behind the gateway', () =>
    expect(named([{ ...dead, remote: '192.0.2.77' }, there])).toEqual([]));
});

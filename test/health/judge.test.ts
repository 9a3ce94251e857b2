/** When a path counts as dead, by the unacknowledged data of its subflows. */
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/health/decide.ts';
import { DEFAULT_HEALTH } from '../../src/rules/validate.ts';
import { judge, type Wait, type Waits } from '../../src/health/judge.ts';
import { Path } from '../../src/health/path.ts';
import { subflow, type Flow } from './sockets.ts';

/** Judges samples of one path at increasing times. */
function looks(...all: readonly (readonly [at: number, ...flows: Flow[]])[]): string[] {
  let waits: Waits = new Map();
  return all.map(([at, ...flows]) => {
    const judgement = judge(waits, flows.map(subflow), at, DEFAULT_HEALTH);
    waits = judgement.waits;
    return judgement.verdict.kind;
  });
}

/** A wait of a subflow with so many segments in flight. */
const wait = (since: number, inFlight: number): Wait => ({
  ...{ since, inFlight, segments: inFlight, lost: 0, readAt: since, busy: null },
});

describe('a path', () => {
  test('without unacknowledged data is idle, however long ago something arrived', () =>
    expect(looks([0, { sinceAck: 60_000, sinceData: 60_000, sinceSent: 60_000 }])).toEqual(['idle']));

  test('is stalled when data is unacknowledged for 3 round-trip times and 50 ms', () => {
    const flow = { unacked: 10, rtt: 30_000 };
    expect(
      looks(
        [0, { ...flow, segments: 10, sinceAck: 5, sinceData: 900 }],
        [135, { ...flow, segments: 10, sinceAck: 140, sinceData: 1_035, sinceSent: 120 }],
        [141, { ...flow, segments: 11, sinceAck: 146, sinceData: 1_041, sinceSent: 60, retransmits: 1 }],
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

  test('is not stalled by one lost segment and its probe', () => {
    const lone = { unacked: 1, rtt: 1_000, sinceData: 9_000 };
    expect(
      looks(
        [0, { ...lone, sinceAck: 0 }],
        [230, { ...lone, sinceAck: 230, sinceSent: 20, segments: 2 }],
        [900, { ...lone, sinceAck: 900, sinceSent: 200, segments: 4 }],
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
  const stalled = (lossy: boolean, now: number, more: Flow): boolean => {
    const waits: Waits = new Map([[1, wait(0, 3)]]);
    const socket = subflow({ ...flow, sinceAck: now, sinceSent: 10, ...more });
    const options = { lossy, steadyUntil: null };
    return judge(waits, [socket], now, DEFAULT_HEALTH, options).verdict.kind === 'stalled';
  };

  test('is stalled after twice the time, and only after a retransmission timeout', () => {
    const [probe, timeout] = [{ segments: 4 }, { segments: 5, timeouts: 1, sinceSent: 100 }];
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
    const lost = (more: Flow): boolean => {
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

describe('the loss that a path is known for', () => {
  /** Judges 5 segments in flight and those sent since, of which none was answered for longer than it may take. */
  const unanswered = (more: number, history: Flow): string => {
    const flow: Flow = { unacked: 5, rtt: 1_000, sinceData: 9_000, ...history, segments: 10_000 + more };
    const waits: Waits = new Map([[1, { ...wait(0, 5), segments: 10_000, lost: history.retransmits ?? 0 }]]);
    return judge(waits, [subflow({ ...flow, sinceAck: 200, sinceSent: 100 })], 200, DEFAULT_HEALTH).verdict
      .kind;
  };

  test.each([
    [0, 0, 'waiting'],
    [0, 1, 'stalled'],
    [200, 1, 'stalled'],
    [1_000, 1, 'waiting'],
    [1_000, 4, 'stalled'],
    [3_000, 4, 'waiting'],
    [3_000, 7, 'stalled'],
  ])('%i of 10,000 segments lost, %i more sent: %s', (lost, more, verdict) =>
    expect(unanswered(more, { retransmits: lost })).toBe(verdict),
  );

  test('duplicates that the peer reported were not lost', () =>
    expect(unanswered(1, { retransmits: 1_000, duplicates: 1_000 })).toBe('stalled'));
});

describe('when data began to wait', () => {
  const flow: Flow = { unacked: 10, rtt: 1_000, sinceData: 9_000, sinceAck: 400, sinceSent: 1 };
  const begin = (more: Flow, steadyUntil: number | null = null, before: Waits = new Map()): number =>
    judge(before, [subflow({ ...flow, ...more })], 1_000, DEFAULT_HEALTH, {
      lossy: false,
      steadyUntil,
    }).waits.get(1)!.since!;

  test('is the last send at the latest', () => expect(begin({})).toBe(999));
  test("is earlier by TCP's timeouts", () => expect(begin({ timedOut: 300 })).toBe(699));
  test('is never before the last arrival', () => expect(begin({ timedOut: 3_000 })).toBe(600));
  test('is the last arrival on the link if it was steady', () => expect(begin({}, 950)).toBe(950));
  test('is the last send for a lone segment, which is acknowledged late', () =>
    expect(begin({ unacked: 1, inFlight: 1 }, 950)).toBe(999));
  test('is soon after the last arrival if data has waited all the time', () => {
    const busy = (milliseconds: number): number =>
      begin(
        { busy: 5_000 + milliseconds },
        null,
        new Map([[1, { ...wait(0, 1), since: null, readAt: 500, busy: 5_000 }]]),
      );
    expect([busy(500), busy(400), busy(10)]).toEqual([610, 710, 999]);
    // The application paused until the last reading, long after the last arrival.
    const paused = new Map([[1, { ...wait(0, 1), since: null, readAt: 900, busy: 5_000 }]]);
    expect(begin({ busy: 5_020 }, null, paused)).toBe(990);
  });
});

describe('of two paths', () => {
  const paths = (): [Path, Path] => [
    new Path('2/192.0.2.10', 'ipv4', 2, '192.0.2.10', 24),
    new Path('3/203.0.113.10', 'ipv4', 3, '203.0.113.10', 24),
  ];
  const dead: Flow = {
    unacked: 10,
    rtt: 10_000,
    segments: 11,
    sinceAck: 300,
    sinceData: 300,
    sinceSent: 90,
  };
  const waits: Waits = new Map([1, 2, 7].map((cookie) => [cookie, wait(710, 10)]));
  const there: Flow = { address: '203.0.113.10', cookie: 7 };
  const named = (sockets: readonly Flow[]): unknown[] =>
    decide(
      paths().map((path) => Object.assign(path, { waits })),
      sockets.map(subflow),
      1_000,
      DEFAULT_HEALTH,
    ).map(({ path, dependants, movable }) => [path.address, dependants, movable.map(({ cookie }) => cookie)]);

  test('the one that does not answer is suspect', () =>
    expect(named([dead, there])).toEqual([['192.0.2.10', 0, [1]]]));

  test('neither is suspect if the peer answers on neither', () =>
    expect(named([dead, { ...dead, ...there }])).toEqual([]));

  test('none is suspect if all connections only have this one', () => expect(named([dead])).toEqual([]));

  test('connections with a single path are counted and not moved', () =>
    expect(named([dead, there, { ...dead, token: 2, cookie: 2 }])).toEqual([['192.0.2.10', 1, [1]]]));

  test('a subflow that is not yet established does not count as a second path', () =>
    expect(named([dead, { ...there, state: 'SYN-SENT' }])).toEqual([]));

  test('a peer in the own subnet is not evidence for the path behind the gateway', () =>
    expect(named([{ ...dead, remote: '192.0.2.77' }, there])).toEqual([]));
});

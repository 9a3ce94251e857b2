/** Data that stops arriving: which silences are noticed, and how often they may be probed. */
import { describe, expect, test } from 'vitest';
import { firstGauge, readGauge, type Gauge } from '../../src/health/gauge.ts';
import { judge } from '../../src/health/judge.ts';
import { judgeOptions, mayReadSockets, Path, recordJudgement, recordStats } from '../../src/health/path.ts';
import { pollPause } from '../../src/health/poll-pause.ts';
import { findSilence, hasArrived, mayBeSilent, stallsIn } from '../../src/health/silence.ts';
import { afterVainProbe, NO_SILENCE } from '../../src/health/silence-memory.ts';
import { subflow } from './sockets.ts';

const TIME = { rttFactor: 3, margin: 50 };
const HERE = '192.0.2.10';
const ELSEWHERE = '203.0.113.10';

function pathWith(gauge: Gauge | null): Path {
  const path = new Path('2/192.0.2.10', 'ipv4', 2, HERE, 24);
  path.gauge = gauge;
  return path;
}

/** A link that received until `until`, read every 20 ms, and then nothing until `now`. */
function received(from: number, until: number, now: number): Gauge {
  let gauge = firstGauge({ received: 0, sent: 0 }, from);
  for (let at = from + 20; at <= now; at += 20)
    gauge = readGauge(gauge, { received: at <= until ? at : until, sent: 0 }, at);
  return gauge;
}

describe('a silence of a link', () => {
  const silent = (gauge: Gauge, now: number, rtt = 0): boolean =>
    mayBeSilent(Object.assign(pathWith(gauge), { rtt }), now, TIME);

  test('is noticed after 30 ms, or half of the time that an answer may take', () => {
    expect(silent(received(0, 1_000, 1_020), 1_020)).toBe(false);
    expect(silent(received(0, 1_000, 1_040), 1_040)).toBe(true);
    expect(silent(received(0, 1_000, 1_060), 1_060, 30)).toBe(false);
    expect(silent(received(0, 1_000, 1_080), 1_080, 30)).toBe(true);
  });

  test('is not noticed after a short answer, nor later than a second, nor twice', () => {
    expect(silent(received(900, 1_000, 1_040), 1_040)).toBe(false);
    expect(silent(received(0, 1_000, 2_060), 2_060)).toBe(false);
    const path = pathWith(received(0, 1_000, 1_040));
    path.silence = { ...NO_SILENCE, seenAt: 1_000 };
    expect(mayBeSilent(path, 1_040, TIME)).toBe(false);
  });

  test('is noticed also if the readings are late', () => {
    const flowing = received(0, 1_000, 1_000);
    const stopped = { received: 1_000, sent: 0 };
    expect(silent(readGauge(flowing, stopped, 2_300), 2_300)).toBe(true);
    expect(silent(readGauge(readGauge(flowing, stopped, 2_300), stopped, 2_320), 2_320)).toBe(false);
    const late = readGauge(flowing, { received: 1_200, sent: 0 }, 1_200);
    expect(silent(readGauge(late, { received: 1_200, sent: 0 }, 1_240), 1_240)).toBe(true);
    // Two readings that follow each other at once are one.
    const twice = readGauge(readGauge(flowing, stopped, 2_300), stopped, 2_301);
    expect(silent(twice, 2_301)).toBe(true);
    // Packets may have arrived at any time of a second without a reading.
    const slow = readGauge(flowing, { received: 2_000, sent: 0 }, 2_000);
    expect(silent(readGauge(slow, { received: 2_000, sent: 0 }, 2_040), 2_040)).toBe(false);
  });

  test('is noticed at once: the counters are read at that moment', () => {
    const pause = (now: number, rtt: number): number =>
      pollPause([Object.assign(pathWith(received(0, 1_000, now)), { rtt })], now, TIME);
    expect([pause(1_000, 0), pause(1_020, 0), pause(1_040, 0)]).toEqual([20, 10, 20]);
    expect([pause(1_020, 30), pause(1_060, 30)]).toEqual([20, 10]);
  });

  test('is noticed after data of which a window arrives in each round trip', () => {
    const until = (rtt: number, window = 10): Gauge => {
      let gauge = firstGauge({ received: 0, sent: 0 }, 0);
      for (let at = 20; at <= 1_520; at += 20)
        gauge = readGauge(gauge, { received: window * Math.floor(at / 300), sent: 0 }, at, rtt);
      return gauge;
    };
    expect([silent(until(300), 1_980, 300), silent(until(300), 1_960, 300)]).toEqual([true, false]);
    expect(silent(until(200), 1_980, 200)).toBe(false);
    // Answers to a few requests: of few packets, or for less than two round trips.
    expect(silent(until(300, 5), 1_980, 300)).toBe(false);
    expect(silent(received(500, 1_000, 1_480), 1_480, 300)).toBe(false);
  });

  test('is not noticed while data waits for an acknowledgement', () => {
    const path = pathWith(received(0, 1_000, 1_040));
    path.waiting = true;
    expect(mayBeSilent(path, 1_040, TIME)).toBe(false);
  });
});

describe('the silence of a path', () => {
  const path = pathWith(null);
  const other = subflow({ cookie: 2, address: ELSEWHERE });
  const received = 100_000;
  const stopped = subflow({ received, rtt: 30_000, rttVariation: 15_000, sinceData: 80, sinceAck: 80 });
  const find = (...sockets: Parameters<typeof findSilence>[1]) =>
    findSilence(path, sockets, new Set(), 5_000, TIME);

  test('has the connections whose data stopped, and the limit for the answer to a SYN', () => {
    const silence = find(stopped, other);
    expect(silence).toMatchObject({ since: 4_920, tokens: new Set([1]) });
    expect(silence?.limit).toBeCloseTo(0.6 * (3 * 30 + 50));
  });

  test('needs a subflow elsewhere, a connection that this host opened, and nothing that waits or arrives', () => {
    expect(find(stopped)).toBeNull();
    expect(find({ ...stopped, opened: false }, other)).toBeNull();
    expect(find(subflow({ received, sinceData: 80, sinceAck: 80, unacked: 1 }), other)).toBeNull();
    expect(find(stopped, subflow({ cookie: 3, sinceData: 5, sinceAck: 5 }), other)).toBeNull();
    expect(find(subflow({ received, sinceData: 1_500, sinceAck: 1_500 }), other)).toBeNull();
    // Answers to a few requests.
    expect(find(subflow({ received: 16_000, sinceData: 80, sinceAck: 80 }), other)).toBeNull();
    // A subflow whose round-trip time was measured too long does not hide another one.
    const slow = subflow({ cookie: 3, received, rtt: 1_200_000, sinceData: 80, sinceAck: 80 });
    expect(find(slow, other)).toBeNull();
    expect(find(stopped, slow, other)?.limit).toBeCloseTo(0.6 * (3 * 30 + 50));
    expect(findSilence(path, [stopped, other], new Set([ELSEWHERE]), 5_000, TIME)).toBeNull();
  });

  test('is a stall only if no other subflow brings data in sequence', () => {
    const silence = { tokens: new Set([1, 2]), noticed: find(stopped, other)!.noticed };
    const stalls = (...ages: readonly (number | null)[]): number | null =>
      stallsIn(silence, [
        ...ages.map((sinceData, at) => ({ token: at + 1, sinceData })),
        { token: 9, sinceData: 500 },
      ]);
    expect([stalls(69), stalls(70), stalls(5, 90), stalls(5, 60)]).toEqual([1, 0, 0, 10]);
    // The kernel is older than 6.10.
    expect(stalls(null)).toBeNull();
  });

  test('ends when anything arrives later than a tick of the kernel', () => {
    const at = (sinceData: number): boolean =>
      hasArrived(HERE, [subflow({ sinceData, sinceAck: 900 })], 4_920, 5_000);
    expect([at(80), at(70), at(60)]).toEqual([false, false, true]);
    expect(hasArrived(HERE, [subflow({ state: 'SYN-SENT', sinceData: 0 })], 4_920, 5_000)).toBe(false);
  });
});

test('vain probes get rarer, up to one a minute, and frequent again after two minutes', () => {
  let memory = NO_SILENCE;
  const pauses: number[] = [];
  for (let n = 0, now = 0; n < 8; n++) {
    memory = afterVainProbe(memory, now, now);
    pauses.push(memory.pause);
    now = memory.nextProbeAt;
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(afterVainProbe(memory, 0, memory.nextProbeAt + 120_001).pause).toBe(1_000);
});

describe('the counters of a busy link', () => {
  const busy = (now: number): Gauge => received(now - 200, now, now);

  test('are read every 20 ms although its sockets were last read long ago', () => {
    const path = pathWith(busy(60_000));
    Object.assign(path, { movedAt: 40_000, lastReadAt: 50_000 });
    expect(pollPause([path], 60_000, TIME)).toBe(20);
    // The traffic is not MPTCP's.
    path.lastReadAt = 59_000;
    expect(pollPause([path], 60_000, TIME)).toBe(1_000);
  });

  test('are read once a second again while a few packets move that are answered', () => {
    const rested = received(0, 1_000, 3_000);
    const at = (received: number, sent: number, later = 1_000): number => {
      const now = 3_000 + later;
      const path = pathWith(readGauge(rested, { received: 1_000 + received, sent }, now));
      return pollPause([path], now, TIME);
    };
    // ARP, in either direction; what others send to all; no packet.
    expect([at(1, 1), at(2, 2), at(8, 0), at(0, 0)]).toEqual([1_000, 1_000, 1_000, 1_000]);
    // Data without an answer; data and its answer; more packets; soon after the last reading.
    expect([at(0, 1), at(1, 2), at(9, 0), at(1, 1, 20)]).toEqual([20, 20, 20, 20]);
  });

  test('are read often when a few packets move while data waits for an answer', () => {
    const path = pathWith(readGauge(received(0, 1_000, 3_000), { received: 1_001, sent: 1 }, 4_000));
    path.waiting = true;
    expect(pollPause([path], 4_000, TIME)).toBe(20);
  });

  test('make its sockets worth reading once a second', () => {
    const path = pathWith(busy(60_000));
    const readable = (lastReadAt: number): boolean =>
      mayReadSockets(Object.assign(path, { lastReadAt }), 60_000, 200);
    expect([readable(59_500), readable(58_900)]).toEqual([false, true]);
  });
});

test('what TCP repeats after a path has come back does not make it lossy', () => {
  const path = pathWith(null);
  const judgement = (now: number, ended: number | null): number => {
    path.past = ended === null ? null : { strikes: 1, ended };
    path.lostAt = -Infinity;
    const before = judge(new Map(), [subflow({ retransmits: 1 })], now - 20, TIME).waits;
    recordJudgement(path, judge(before, [subflow({ retransmits: 9 })], now, TIME), now);
    return path.lostAt;
  };
  expect(judgement(9_000, null)).toBe(9_000);
  expect(judgement(9_000, 8_000)).toBe(-Infinity);
  expect(judgement(9_000, 6_000)).toBe(9_000);
});

describe('answers that came late although the path works', () => {
  /** A path on which data waited, and whose link received again after these pauses, one after the other. */
  const pathAfter = (...gaps: readonly number[]): { path: Path; now: number } => {
    const path = pathWith(null);
    let now = 0;
    for (const [at, gap] of [0, ...gaps].entries()) {
      path.waiting = true;
      now += gap;
      recordStats(path, { received: at, sent: at }, now);
    }
    return { path, now };
  };
  const least = (...gaps: readonly number[]): number | undefined => {
    const { path, now } = pathAfter(...gaps);
    return judgeOptions(path, now).least;
  };

  test('may take a quarter longer for ten minutes', () => {
    expect([least(99), least(280), least(280, 40, 200), least(280, 300)]).toEqual([0, 350, 350, 375]);
    const { path, now } = pathAfter(280);
    expect(judgeOptions(path, now + 600_000).least).toBe(0);
    path.waiting = true;
    recordStats(path, { received: 9, sent: 9 }, now + 600_000);
    // An outage is no late answer.
    expect([path.gap, least(401)]).toEqual([280, 0]);
  });

  test('are not learnt while no data waits', () => {
    const { path, now } = pathAfter();
    path.waiting = false;
    recordStats(path, { received: 9, sent: 9 }, now + 280);
    expect(judgeOptions(path, now + 280).least).toBe(0);
  });

  test('make a longer wait than usual no stall', () => {
    const sockets = [subflow({ unacked: 90, retransmits: 1, sinceAck: 280, sinceData: 280, sinceSent: 5 })];
    const waits = new Map([[1, { since: 720, retransmits: 0, unacked: 60, lost: 0 }]]);
    const kind = (least: number): string =>
      judge(waits, sockets, 1_000, TIME, { lossy: false, least }).verdict.kind;
    expect([kind(0), kind(270), kind(420)]).toEqual(['stalled', 'stalled', 'waiting']);
  });
});

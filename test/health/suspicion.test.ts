/** The phases of a suspect uplink, by time and by the state of the kernel. */
import { describe, expect, test } from 'vitest';
import {
  advance,
  begin,
  end,
  hasten,
  type Suspicion,
  type SuspicionFacts,
} from '../../src/health/suspicion.ts';

const FREE: SuspicionFacts = { present: true, replaced: true, dependants: 0 };
const GONE: SuspicionFacts = { ...FREE, present: false };
import { Path } from '../../src/health/path.ts';
import { subflow } from './sockets.ts';

describe('a suspect uplink: the endpoint', () => {
  test('is removed and added again at once to probe the path', () => {
    const suspicion = begin(null, { unanswered: 140, kept: false, isSilent: false, peers: [] }, 1_000);
    expect(advance(suspicion, FREE, 1_000).phase).toBe('absent');
    expect(advance(suspicion, GONE, 1_005).phase).toBe('probing');
  });

  test('is added again in growing intervals, up to a minute', () => {
    let suspicion: Suspicion = advance(
      begin(null, { unanswered: 140, kept: false, isSilent: false, peers: [] }, 0),
      GONE,
      0,
    );
    const intervals: number[] = [];
    let now = 0;
    for (let probe = 0; probe < 300; probe++) {
      suspicion = advance(suspicion, FREE, now);
      intervals.push(Math.round(suspicion.next! - now));
      now = suspicion.next!;
      suspicion = advance(suspicion, FREE, now);
      expect(suspicion.phase).toBe('absent');
      suspicion = advance(suspicion, GONE, now);
      expect(suspicion.phase).toBe('probing');
    }
    expect(intervals.slice(0, 4)).toEqual([2_000, 4_000, 4_000, 4_000]);
    expect(intervals.toSorted((a, b) => a - b)).toEqual(intervals);
    expect(intervals.at(-1)).toBe(60_000);
  });

  test('stays while a connection depends on it', () => {
    const suspicion = begin(null, { unanswered: 140, kept: true, isSilent: false, peers: [] }, 0);
    expect(advance(suspicion, { ...FREE, dependants: 1 }, 10_000).phase).toBe('kept');
    expect(advance(suspicion, FREE, 10_000).phase).toBe('absent');
  });

  test('stays or is added again without another uplink of the family', () => {
    const suspicion = begin(null, { unanswered: 140, kept: false, isSilent: false, peers: [] }, 0);
    expect(advance(suspicion, { ...FREE, replaced: false }, 1).phase).toBe('kept');
    expect(advance(suspicion, { ...GONE, replaced: false }, 1).phase).toBe('probing');
  });
});

test('the pause of a path ends when a connection has no subflow on any path', () => {
  const grounds = { unanswered: 140, kept: false, isSilent: false, peers: [] };
  const paused = advance(begin({ strikes: 8, ended: 0 }, grounds, 0), GONE, 0);
  expect(paused).toMatchObject({ phase: 'absent', next: 60_000 });
  const probing = advance(hasten(paused, 2_000), GONE, 2_000);
  expect(probing).toMatchObject({ phase: 'probing', next: null });
  expect(hasten(probing, 3_000)).toBe(probing);
});

test('a path that fails repeatedly is paused longer each time, up to a minute', () => {
  const pauses: number[] = [];
  let now = 0;
  let past = null;
  for (let strike = 0; strike < 12; strike++) {
    const suspicion: Suspicion = begin(
      past,
      { unanswered: 140, kept: false, isSilent: false, peers: [] },
      now,
    );
    pauses.push(suspicion.pause);
    const paused = advance(suspicion, GONE, now);
    if (suspicion.pause > 0) expect(paused).toMatchObject({ phase: 'absent', next: now + suspicion.pause });
    expect(advance(paused, GONE, now + suspicion.pause).phase).toBe('probing');
    past = end(suspicion, now + 1_000);
    now += 5_000;
  }
  expect(pauses.slice(0, 5)).toEqual([0, 0, 1_000, 2_000, 4_000]);
  expect(pauses.at(-1)).toBe(60_000);
  expect(begin(past, { unanswered: 140, kept: false, isSilent: false, peers: [] }, now + 300_000).pause).toBe(
    0,
  );
});

test('a suspicion that ends at once: the path is not judged by that peer for a minute', () => {
  const path = new Path('2/192.0.2.10', 'ipv4', 2, '192.0.2.10', 24);
  const sockets = [subflow({}), subflow({ cookie: 2, remote: '198.51.100.77' })];
  const seen = (now: number): number[] => path.select(sockets, now).map(({ cookie }) => cookie);
  path.suspicion = begin(
    null,
    { unanswered: 140, kept: false, isSilent: false, peers: ['198.51.100.77'] },
    1_000,
  );
  path.endSuspicion(1_100, 'answered');
  expect([seen(1_200), seen(70_000)]).toEqual([[1], [1, 2]]);
  path.suspicion = begin(
    path.past,
    { unanswered: 140, kept: false, isSilent: false, peers: ['198.51.100.77'] },
    80_000,
  );
  path.endSuspicion(90_000, 'answered');
  expect(seen(90_001)).toEqual([1, 2]);
});

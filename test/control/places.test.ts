/**
 * Places (permitted connections) on the control socket: an example of each rule, and invariants for random arrivals.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admit,
  MIN_HOLD_MS,
  mayWatch,
  MAX_OF_OWNER,
  MAX_PLACES,
  MAX_WATCHERS,
  MAX_WATCHERS_OF_OWNER,
  type Place,
} from '../../src/control/places.ts';
import { SEED } from '../support/seed.ts';

/** `counts`: places by owner, each opened a millisecond after the one before. */
function taken(counts: Readonly<Record<string, number>>, watches = false): Place[] {
  let since = 0;
  return Object.entries(counts).flatMap(([owner, count]) =>
    Array.from({ length: count }, () => ({ owner, since: since++, watches })),
  );
}

const crowd = (owners: number, each: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: owners }, (_, i) => [`crowd ${i}`, each]));

describe('places: a connection', () => {
  test('enters if a place is free', () => {
    expect(admit(taken({ a: MAX_OF_OWNER - 1, b: 3 }), 'a', 0)).toEqual({ enter: true, drop: null });
    expect(admit([], 'a', 0)).toEqual({ enter: true, drop: null });
  });

  test('of root always enters and uses no place of others', () => {
    const places = [...taken(crowd(4, 16)), { owner: null, since: 0, watches: false }];
    expect(admit(places, null, 0)).toEqual({ enter: true, drop: null });
    const roots = Array.from({ length: 100 }, () => ({ owner: null, since: 0, watches: false }));
    expect(admit(roots, 'a', 0)).toEqual({ enter: true, drop: null });
  });

  test('of an owner at its maximum waits until its own oldest is old enough', () => {
    const places = taken({ a: MAX_OF_OWNER, b: 1 });
    expect(admit(places, 'a', MIN_HOLD_MS - 1)).toEqual({ enter: false });
    expect(admit(places, 'a', MIN_HOLD_MS)).toEqual({ enter: true, drop: places[0] });
  });

  test('takes the oldest place of the owner with the most if that has two more', () => {
    const places = taken({ ...crowd(25, 2), b: 14 });
    expect(admit(places, 'crowd 3', 0)).toEqual({ enter: true, drop: places[50] });
    expect(admit(taken(crowd(32, 2)), 'new', 0)).toMatchObject({ enter: true, drop: { owner: 'crowd 0' } });
  });

  test('waits for one that is old enough if no owner has two places more', () => {
    const places = taken(crowd(64, 1));
    expect(admit(places, 'new', MIN_HOLD_MS - 1)).toEqual({ enter: false });
    expect(admit(places, 'new', MIN_HOLD_MS)).toEqual({ enter: true, drop: places[0] });
  });

  test('never takes the place of a watcher', () => {
    const watching = taken(crowd(4, 8), true);
    const asking = taken(crowd(4, 8)).map((each) => ({ ...each, since: each.since + 1000 }));
    expect(admit([...watching, ...asking], 'new', 5000)).toEqual({ enter: true, drop: asking[0] });
  });
});

describe('places: a watcher', () => {
  test('is one of at most 8 of its owner', () => {
    expect(mayWatch(taken({ a: MAX_WATCHERS_OF_OWNER - 1 }, true), 'a')).toBe(true);
    expect(mayWatch(taken({ a: MAX_WATCHERS_OF_OWNER }, true), 'a')).toBe(false);
    expect(mayWatch(taken({ a: MAX_WATCHERS_OF_OWNER }, true), 'b')).toBe(true);
    expect(mayWatch(taken({ a: MAX_OF_OWNER }), 'a')).toBe(true);
  });

  test('is one of at most 32 in all, without those of root', () => {
    expect(mayWatch(taken(crowd(MAX_WATCHERS, 1), true), 'a')).toBe(false);
    expect(mayWatch(taken(crowd(MAX_WATCHERS, 1), true), null)).toBe(true);
    const roots = Array.from({ length: 100 }, () => ({ owner: null, since: 0, watches: true }));
    expect(mayWatch(roots, 'a')).toBe(true);
  });
});

const owner = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') },
  { weight: 2, arbitrary: fc.nat({ max: 200 }).map(String) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const events = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('arrive' as const), owner, times: fc.nat({ max: 20 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('watch' as const), nth: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), nth: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), by: fc.nat({ max: 600 }) }) },
  ),
  { minLength: 1, maxLength: 100, size: 'max' },
);

const countOf = (places: readonly Place[], one: string | null): number =>
  places.filter((each) => each.owner === one).length;

/** Returns what is wrong with the answer to an arrival, or null. */
function faultOf(places: readonly Place[], owner: string | null, now: number): string | null {
  const admission = admit(places, owner, now);
  if (!admit(places, owner, now + MIN_HOLD_MS).enter)
    return 'an owner who asks again waits longer than 500 ms';
  const own = countOf(places, owner);
  if (!admission.enter) {
    if (own === MAX_OF_OWNER) return null;
    const asking = places.filter((each) => !each.watches && each.owner !== null);
    const more = asking.find((each) => countOf(places, each.owner) >= own + 2);
    return more ? `${more.owner} has two places more and keeps them` : null;
  }
  const { drop } = admission;
  if (drop === null) return null;
  if (!places.includes(drop)) return 'drops a connection that has no place';
  if (drop.watches || drop.owner === null) return 'drops a watcher or root';
  const early = now - drop.since < MIN_HOLD_MS;
  return early && own + 1 >= countOf(places, drop.owner)
    ? 'drops early for an owner with as many places'
    : null;
}

/** Returns what is wrong with all places, or null. */
function excessOf(places: readonly Place[]): string | null {
  const others = places.filter((each) => each.owner !== null);
  if (others.length > MAX_PLACES) return 'too many places';
  const watchers = others.filter((each) => each.watches);
  if (watchers.length > MAX_WATCHERS) return 'too many watchers';
  for (const { owner: one } of others) {
    if (countOf(others, one) > MAX_OF_OWNER) return `too many places of ${one}`;
    if (countOf(watchers, one) > MAX_WATCHERS_OF_OWNER) return `too many watchers of ${one}`;
  }
  return null;
}

test('property: places: shares stay within their bounds and no owner waits longer than 500 ms', () => {
  const seen = { dropped: 0, refused: 0, watches: 0 };
  fc.assert(
    fc.property(events, (course) => {
      let places: Place[] = [];
      let now = 0;
      const faults: (string | null)[] = [];
      for (const event of course) {
        if (event.kind === 'time') now += event.by;
        else if (event.kind === 'leave') places.splice(event.nth % Math.max(1, places.length), 1);
        else if (event.kind === 'watch') {
          const place = places[event.nth % Math.max(1, places.length)];
          if (!place || place.watches || !mayWatch(places, place.owner)) continue;
          places = places.map((each) => (each === place ? { ...each, watches: true } : each));
          seen.watches++;
        } else {
          for (let i = 0; i <= event.times; i++) {
            faults.push(faultOf(places, event.owner, now));
            const admission = admit(places, event.owner, now);
            if (!admission.enter) {
              seen.refused++;
              continue;
            }
            if (admission.drop) seen.dropped++;
            places = places.filter((each) => each !== admission.drop);
            places.push({ owner: event.owner, since: now, watches: false });
          }
        }
        faults.push(excessOf(places));
      }
      expect(faults.filter((each) => each !== null)).toEqual([]);
    }),
    { seed: SEED, numRuns: 100 },
  );
  // These occur hundreds of times with any seed.
  expect(Object.values(seen).every((each) => each > 0)).toBe(true);
});

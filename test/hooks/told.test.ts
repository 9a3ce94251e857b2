import { describe, expect, it } from 'vitest';
import { linkWords, uplinkWords, type LinkFacts, type UplinkFacts } from '../../src/hooks/occasion.ts';
import { finished, isForgotten, newParty, next, started, type Party } from '../../src/hooks/told.ts';
import { link, uplink } from './facts.ts';

const party = (told: UplinkFacts | null, wanted: UplinkFacts | null): Party<UplinkFacts> => ({
  ...newParty(told),
  wanted,
});

describe('what an uplink’s hooks are due', () => {
  it.each<[string, UplinkFacts | null, UplinkFacts | null, string | null]>([
    ['nothing, nothing', null, null, null],
    ['nothing, there', null, uplink(), 'up'],
    ['there, nothing', uplink(), null, 'down'],
    ['there, the same', uplink(), uplink(), null],
    ['another gateway', uplink(), uplink({ gateway: '192.0.2.254' }), 'change'],
    ['no gateway any more', uplink(), uplink({ gateway: null }), 'change'],
    ['another address', uplink(), uplink({ address: '192.0.2.8' }), 'change'],
    ['another prefix', uplink(), uplink({ prefixLength: 25 }), 'change'],
    ['other flags', uplink(), uplink({ flags: ['subflow'] }), 'change'],
    ['a port', uplink(), uplink({ port: 4433 }), 'change'],
    ['another endpoint', uplink(), uplink({ endpointId: 4 }), 'change'],
    ['another table', uplink(), uplink({ table: 100 }), 'change'],
    ['other words for the same', uplink(), uplink({ reason: 'still active', rule: '*' }), null],
    ['renamed', uplink(), uplink({ interface: 'modem0' }), 'down'],
    ['another link of that name', uplink(), uplink({ ifindex: 8 }), 'down'],
  ])('%s', (_, told, wanted, action) => {
    expect(next(party(told, wanted), uplinkWords)?.action ?? null).toBe(action);
  });

  it('tells the last known values and the new reason on the way down', () => {
    const leaving = { ...party(uplink(), null), farewell: 'carrier lost' };
    expect(next(leaving, uplinkWords)).toEqual({
      action: 'down',
      facts: uplink({ reason: 'carrier lost' }),
    });
  });

  it('is due nothing while something is told', () => {
    const telling = started(party(null, uplink()), { action: 'up', facts: uplink() }, uplinkWords);
    expect(next({ ...telling, wanted: null }, uplinkWords)).toBeNull();
  });

  it('counts a coming as told at its start and an end only when it is over', () => {
    const up = started(party(null, uplink()), { action: 'up', facts: uplink() }, uplinkWords);
    expect(up.told).toEqual(uplink());
    const gone = { ...finished(up, uplinkWords), wanted: null };
    const down = started(gone, { action: 'down', facts: uplink() }, uplinkWords);
    expect(down.told).toEqual(uplink());
    expect(isForgotten(finished(down, uplinkWords))).toBe(true);
  });
});

describe('what a link’s hooks are due', () => {
  it.each<[string, LinkFacts | null, LinkFacts | null, string | null]>([
    ['carrier', null, link(), 'link-up'],
    ['no carrier', link(), null, 'link-down'],
    ['another rule', link(), link({ rule: '*', reason: 'x', driver: null }), null],
    ['plugged in anew', link(), link({ ifindex: 9 }), 'link-down'],
  ])('%s', (_, told, wanted, action) => {
    expect(next({ ...newParty(told), wanted }, linkWords)?.action ?? null).toBe(action);
  });
});

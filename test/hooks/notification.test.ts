import { describe, expect, it } from 'vitest';
import {
  linkTransitions,
  uplinkTransitions,
  type LinkState,
  type UplinkFacts,
} from '../../src/hooks/facts.ts';
import {
  finished,
  isForgotten,
  newSubject,
  next,
  started,
  type Subject,
} from '../../src/hooks/notification.ts';
import { state, uplink } from './facts.ts';

const party = (told: UplinkFacts | null, wanted: UplinkFacts | null): Subject<UplinkFacts> => ({
  ...newSubject(told),
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
    expect(next(party(told, wanted), uplinkTransitions)?.action ?? null).toBe(action);
  });

  it('tells the last known values and the new reason on the way down', () => {
    const leaving = { ...party(uplink(), null), farewell: 'carrier lost' };
    expect(next(leaving, uplinkTransitions)).toEqual({
      action: 'down',
      facts: uplink({ reason: 'carrier lost' }),
      after: null,
      ends: true,
    });
  });

  it('is due nothing while something is told', () => {
    const telling = started(party(null, uplink()), {
      action: 'up',
      facts: uplink(),
      after: uplink(),
      ends: false,
    });
    expect(next({ ...telling, wanted: null }, uplinkTransitions)).toBeNull();
  });

  it('counts a coming as told at its start and an end only when it is over', () => {
    const up = started(party(null, uplink()), {
      action: 'up',
      facts: uplink(),
      after: uplink(),
      ends: false,
    });
    expect(up.lastNotified).toEqual(uplink());
    const gone = { ...finished(up), wanted: null };
    const down = started(gone, { action: 'down', facts: uplink(), after: null, ends: true });
    expect(down.lastNotified).toEqual(uplink());
    expect(isForgotten(finished(down))).toBe(true);
  });
});

const down = state({ carrier: false, reason: 'the link is down' });

describe('what a link’s hooks are due', () => {
  it.each<[string, LinkState | null, LinkState | null, string[]]>([
    ['a link without carrier appears', null, down, ['device-add']],
    ['a link with carrier appears', null, state(), ['device-add', 'link-up']],
    ['carrier comes', down, state(), ['link-up']],
    ['carrier goes', state(), down, ['link-down']],
    ['the link goes', state(), null, ['link-down', 'device-delete']],
    ['the link goes without carrier', down, null, ['device-delete']],
    ['another rule', state(), state({ rule: '*', reason: 'x', driver: null }), []],
    [
      'plugged in anew',
      state(),
      state({ ifindex: 9 }),
      ['link-down', 'device-delete', 'device-add', 'link-up'],
    ],
    ['renamed', down, { ...down, interface: 'modem0' }, ['device-delete', 'device-add']],
    ['a link that an older version knows', state({ added: false }), state(), ['device-add']],
    ['one that has lost carrier', state({ added: false }), down, ['device-add', 'link-down']],
    ['one that has gone', state({ added: false }), null, ['link-down', 'device-delete']],
    ['nothing', null, null, []],
  ])('%s', (_, told, wanted, actions) => {
    let link = { ...newSubject(told), wanted };
    const seen: string[] = [];
    for (let due = next(link, linkTransitions); due !== null; due = next(link, linkTransitions)) {
      seen.push(due.action);
      link = finished(started(link, due));
    }
    expect(seen).toEqual(actions);
    expect(isForgotten(link)).toBe(wanted === null);
  });

  it('gets the reason of each step', () => {
    const reasonOf = (told: LinkState | null, wanted: LinkState | null, farewell: string | null = null) =>
      next({ ...newSubject(told), wanted, downReason: farewell }, linkTransitions)?.facts.reason;
    expect(reasonOf(null, state())).toBe('rule "wwan*|usb*" selects the interface');
    expect(reasonOf(state(), down)).toBe('the link is down');
    expect(reasonOf(down, state())).toBe('the link has carrier');
    expect(reasonOf(state(), null, 'the rule says ignore')).toBe('the rule says ignore');
    expect(reasonOf(down, null)).toBe('the interface is gone');
  });

  it('repeats an end that was cut short', () => {
    const cut = { ...newSubject(state(), true), wanted: state() };
    expect(next(cut, linkTransitions)?.action).toBe('link-down');
    const after = finished(started(cut, next(cut, linkTransitions)!));
    expect(next(after, linkTransitions)?.action).toBe('link-up');
  });
});

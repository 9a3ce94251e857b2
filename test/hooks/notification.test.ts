/** The next action for an uplink or a link, from what hooks were last notified of: values only. */
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

const subject = (last: UplinkFacts | null, wanted: UplinkFacts | null): Subject<UplinkFacts> => ({
  ...newSubject(last),
  wanted,
});

describe('next action of an uplink', () => {
  it.each<[string, UplinkFacts | null, UplinkFacts | null, string | null]>([
    ['absent, absent', null, null, null],
    ['absent, active', null, uplink(), 'up'],
    ['active, absent', uplink(), null, 'down'],
    ['active, unchanged', uplink(), uplink(), null],
    ['another gateway', uplink(), uplink({ gateway: '192.0.2.254' }), 'change'],
    ['gateway removed', uplink(), uplink({ gateway: null }), 'change'],
    ['another address', uplink(), uplink({ address: '192.0.2.8' }), 'change'],
    ['another prefix', uplink(), uplink({ prefixLength: 25 }), 'change'],
    ['other flags', uplink(), uplink({ flags: ['subflow'] }), 'change'],
    ['a port', uplink(), uplink({ port: 4433 }), 'change'],
    ['another endpoint', uplink(), uplink({ endpointId: 4 }), 'change'],
    ['another table', uplink(), uplink({ table: 100 }), 'change'],
    ['another reason for the same state', uplink(), uplink({ reason: 'still active', rule: '*' }), null],
    ['renamed', uplink(), uplink({ interface: 'modem0' }), 'down'],
    ['another link with that name', uplink(), uplink({ ifindex: 8 }), 'down'],
  ])('%s', (_, last, wanted, action) => {
    expect(next(subject(last, wanted), uplinkTransitions)?.action ?? null).toBe(action);
  });

  it('down has the last known values and the new reason', () => {
    const leaving = { ...subject(uplink(), null), downReason: 'carrier lost' };
    expect(next(leaving, uplinkTransitions)).toEqual({
      action: 'down',
      facts: uplink({ reason: 'carrier lost' }),
      after: null,
      ends: true,
    });
  });

  it('no action while another runs', () => {
    const running = started(subject(null, uplink()), {
      action: 'up',
      facts: uplink(),
      after: uplink(),
      ends: false,
    });
    expect(next({ ...running, wanted: null }, uplinkTransitions)).toBeNull();
  });

  it('up counts as notified at its start, down at its end', () => {
    const up = started(subject(null, uplink()), {
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

describe('next actions of a link', () => {
  it.each<[string, LinkState | null, LinkState | null, string[]]>([
    ['a link without carrier appears', null, down, ['device-add']],
    ['a link with carrier appears', null, state(), ['device-add', 'link-up']],
    ['gets carrier', down, state(), ['link-up']],
    ['loses carrier', state(), down, ['link-down']],
    ['is removed', state(), null, ['link-down', 'device-delete']],
    ['is removed without carrier', down, null, ['device-delete']],
    ['another rule', state(), state({ rule: '*', reason: 'x', driver: null }), []],
    [
      'unplugged and plugged in',
      state(),
      state({ ifindex: 9 }),
      ['link-down', 'device-delete', 'device-add', 'link-up'],
    ],
    ['renamed', down, { ...down, interface: 'modem0' }, ['device-delete', 'device-add']],
    ['recorded by a version without device-add: unchanged', state({ added: false }), state(), ['device-add']],
    [
      'recorded by a version without device-add: loses carrier',
      state({ added: false }),
      down,
      ['device-add', 'link-down'],
    ],
    [
      'recorded by a version without device-add: is removed',
      state({ added: false }),
      null,
      ['link-down', 'device-delete'],
    ],
    ['nothing', null, null, []],
  ])('%s', (_, last, wanted, actions) => {
    let link = { ...newSubject(last), wanted };
    const seen: string[] = [];
    for (let due = next(link, linkTransitions); due !== null; due = next(link, linkTransitions)) {
      seen.push(due.action);
      link = finished(started(link, due));
    }
    expect(seen).toEqual(actions);
    expect(isForgotten(link)).toBe(wanted === null);
  });

  it('each action has its reason', () => {
    const reasonOf = (last: LinkState | null, wanted: LinkState | null, downReason: string | null = null) =>
      next({ ...newSubject(last), wanted, downReason }, linkTransitions)?.facts.reason;
    expect(reasonOf(null, state())).toBe('rule "wwan*|usb*" selects the interface');
    expect(reasonOf(state(), down)).toBe('the link is down');
    expect(reasonOf(down, state())).toBe('the link has carrier');
    expect(reasonOf(state(), null, 'the rule says ignore')).toBe('the rule says ignore');
    expect(reasonOf(down, null)).toBe('the interface is gone');
  });

  it('an interrupted link-down runs again', () => {
    const cut = { ...newSubject(state()), closing: true, wanted: state() };
    expect(next(cut, linkTransitions)?.action).toBe('link-down');
    const after = finished(started(cut, next(cut, linkTransitions)!));
    expect(next(after, linkTransitions)?.action).toBe('link-up');
  });
});

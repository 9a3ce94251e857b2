/** When a lost subflow is opened again. */
import { constants } from 'node:os';
import { expect, test } from 'vitest';
import { LostSubflows } from '../../src/health/lost.ts';
import type { MptcpEvent, MptcpEventKind } from '../../src/netlink/mptcp/event.ts';

const { ECONNRESET, ECONNREFUSED, ECONNABORTED } = constants.errno;

const event = (
  kind: MptcpEventKind,
  error: number | null = null,
  more: Partial<MptcpEvent> = {},
): MptcpEvent => ({
  ...{ kind, token: 7, localId: 1, remoteId: 0, backup: false, error, ifindex: 2, serverSide: false },
  local: { address: '192.0.2.10', port: 40_000 },
  remote: { address: '198.51.100.9', port: 443 },
  ...more,
});

test('a reset subflow is retried after 1, 2, 4 seconds and so on, up to five minutes', () => {
  const lost = new LostSubflows();
  lost.observe(event('subflow-closed', ECONNRESET), 0);
  const pauses: number[] = [];
  for (let now = 0, tries = 0; tries < 12; tries++) {
    pauses.push(lost.next! - now);
    now = lost.next!;
    expect(lost.due(now - 1)).toEqual([]);
    lost.postpone(lost.due(now)[0]!, now);
  }
  expect(pauses.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(pauses.at(-1)).toBe(300_000);
});

test('a subflow that lasts a minute resets the interval; a shorter one does not', () => {
  for (const [lives, pause] of [
    [60_000, 1_000],
    [10_000, 2_000],
  ] as const) {
    const lost = new LostSubflows();
    lost.observe(event('subflow-closed', ECONNRESET), 0);
    lost.postpone(lost.due(1_000)[0]!, 1_000);
    lost.observe(event('subflow-established'), 1_100);
    expect(lost.next).toBeNull();
    lost.observe(event('subflow-closed', ECONNRESET), 1_100 + lives);
    expect(lost.next! - 1_100 - lives).toBe(pause);
  }
});

test('when a path dies, all are retried at once, and then as late as before; none that was refused twice', () => {
  const lost = new LostSubflows();
  lost.observe(event('subflow-closed', ECONNRESET), 0);
  lost.postpone(lost.due(1_000)[0]!, 1_000);
  lost.hasten(1_500);
  expect(lost.next).toBe(1_500);
  lost.postpone(lost.due(1_500)[0]!, 1_500);
  expect(lost.next).toBe(5_500);
  lost.observe(event('subflow-established'), 6_000);
  lost.hasten(7_000);
  expect(lost.next).toBeNull();
  const refused = new LostSubflows();
  for (const now of [0, 10]) refused.observe(event('subflow-closed', ECONNREFUSED), now);
  refused.hasten(20);
  expect(refused.next).toBeNull();
});

test('a server that refuses twice is not retried', () => {
  const lost = new LostSubflows();
  lost.observe(event('subflow-closed', ECONNREFUSED), 0);
  expect(lost.next).toBe(1_000);
  expect(lost.isRefused(7, '192.0.2.10')).toBe(false);
  lost.observe(event('subflow-closed', ECONNREFUSED), 1_010);
  expect(lost.next).toBeNull();
  expect(lost.isRefused(7, '192.0.2.10')).toBe(true);
});

test.each([
  ['a subflow that was closed on purpose', event('subflow-closed')],
  ['a subflow whose endpoint was deleted', event('subflow-closed', ECONNABORTED)],
  ['a subflow that the peer must open', event('subflow-closed', ECONNRESET, { serverSide: true })],
])('%s is not retried', (_, closed) => {
  const lost = new LostSubflows();
  lost.observe(closed, 0);
  expect(lost.next).toBeNull();
});

test('no subflow of a closed connection is retried', () => {
  const lost = new LostSubflows();
  lost.observe(event('subflow-closed', ECONNRESET), 0);
  lost.observe(event('closed', null, { local: null, remote: null }), 10);
  expect(lost.next).toBeNull();
});

test('an address lacks a subflow until it is established; refused only if all of them were', () => {
  const lost = new LostSubflows();
  const refuse = (token: number): void => {
    for (let n = 0; n < 2; n++) lost.observe(event('subflow-closed', ECONNREFUSED, { token }), n);
  };
  expect(lost.lacking.size).toBe(0);
  refuse(7);
  expect(lost.lacking).toEqual(new Map([['192.0.2.10', { refused: true }]]));
  lost.observe(event('subflow-closed', ECONNRESET, { token: 8 }), 5);
  expect(lost.lacking).toEqual(new Map([['192.0.2.10', { refused: false }]]));
  for (const token of [7, 8]) lost.observe(event('subflow-established', null, { token }), 9);
  expect(lost.lacking.size).toBe(0);
});

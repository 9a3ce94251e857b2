/** When connections are looked at that may have lost all of their subflows. */
import { expect, test } from 'vitest';
import { SubflowlessConnections } from '../../src/health/subflowless.ts';
import type { MptcpEvent, MptcpEventKind } from '../../src/netlink/mptcp/event.ts';

const event = (kind: MptcpEventKind, token = 7, serverSide = false): MptcpEvent => ({
  ...{ kind, token, localId: 1, remoteId: 0, backup: false, error: null, ifindex: 2, serverSide },
  local: { address: '192.0.2.10', port: 40_000 },
  remote: { address: '198.51.100.9', port: 443 },
});

test('a connection is looked at soon after a subflow closed, and then after 1, 2, 4 and at most 8 seconds', () => {
  const subflowless = new SubflowlessConnections();
  subflowless.observe(event('subflow-closed'), 0);
  const times: number[] = [];
  for (let looks = 0; looks < 6; looks++) {
    const { next } = subflowless;
    times.push(next!);
    expect(subflowless.take(next! - 1)).toEqual([]);
    expect(subflowless.take(next!)).toEqual([7]);
    // What closes meanwhile, a refused subflow for example, hastens nothing.
    subflowless.observe(event('subflow-closed'), next!);
  }
  expect(times).toEqual([100, 1_100, 3_100, 7_100, 15_100, 23_100]);
});

test('a connection that has a subflow or has ended is not looked at', () => {
  const subflowless = new SubflowlessConnections();
  subflowless.observe(event('subflow-closed', 7), 0);
  subflowless.observe(event('subflow-closed', 8), 0);
  subflowless.observe(event('closed', 8), 50);
  expect(subflowless.take(100)).toEqual([7]);
  subflowless.forget(7);
  expect(subflowless.next).toBeNull();
});

test('the peer opens the subflows of a connection that it opened', () => {
  const subflowless = new SubflowlessConnections();
  subflowless.observe(event('subflow-closed', 7, true), 0);
  expect(subflowless.next).toBeNull();
});

test('the oldest of more than 1,024 connections is forgotten', () => {
  const subflowless = new SubflowlessConnections();
  for (let token = 0; token < 1_025; token++) subflowless.observe(event('subflow-closed', token), 0);
  expect(subflowless.take(100)).toEqual(Array.from({ length: 1_024 }, (_, at) => at + 1));
});

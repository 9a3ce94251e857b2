/** Counters of joins on each uplink, from the kernel's events and sockets. */
import { describe, expect, test } from 'vitest';
import { JoinCounter } from '../../src/daemon/join-counter.ts';
import type { SubflowSocket } from '../../src/netlink/diag.ts';
import type { MptcpEvent, MptcpEventKind } from '../../src/netlink/mptcp/event.ts';

const UPLINK = '192.0.2.10';
const remote = { address: '198.51.100.9', port: 443 };

const event = (kind: MptcpEventKind, port: number, error: number | null = null): MptcpEvent => ({
  ...{ kind, token: 7, localId: 1, remoteId: 0, local: { address: UPLINK, port }, remote },
  ...{ backup: false, error, ifindex: 2, serverSide: false },
});

const socket = (port: number, timeouts: number, state = 'SYN-SENT'): SubflowSocket => ({
  ...{ token: 7, local: { address: UPLINK, port }, remote, ifindex: 2, cookie: port, state },
  ...{ opened: true, accepted: true, backup: { local: false, remote: false }, ids: { local: 1, remote: 0 } },
  traffic: {
    ...{ acked: 0, received: 0, rtt: 0, retransmits: timeouts, timeouts },
    ...{ duplicates: 0, rttVariation: 0, unacked: 0, sinceSent: 0, sinceData: 0, sinceAck: 0 },
  },
  sockid: { family: 2, bytes: Buffer.alloc(48) },
});

/** A counter with an uplink, and a clock that only advances when its timer is fired. */
function counted(sockets: readonly SubflowSocket[] = []) {
  let timer: { readonly delay: number; readonly wake: () => void } | null = null;
  const now = { sockets };
  const clock = {
    now: () => 0,
    after: (delay: number, wake: () => void) => {
      timer = { delay, wake };
      return () => (timer = null);
    },
  };
  const joins = new JoinCounter({ clock, sockets: () => Promise.resolve(now.sockets) });
  joins.follow(new Set([UPLINK]));
  return {
    joins,
    now,
    record: () => joins.records.get(UPLINK),
    delay: () => timer?.delay ?? null,
    fire: async () => {
      const { wake } = timer!;
      timer = null;
      wake();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe('joins', () => {
  test('established: counted; reset the number of consecutive failures', () => {
    const { joins, record } = counted();
    joins.observe(event('subflow-closed', 1, 113), 5);
    joins.observe(event('subflow-closed', 2, 111), 6);
    expect(record()).toEqual({
      ...{ established: 0, failed: 2, streak: 2, last: { errno: 'ECONNREFUSED', at: 6 } },
      ...{ lost: 0, lastLoss: null },
    });
    joins.observe(event('subflow-established', 3), 7);
    expect(record()).toMatchObject({ established: 1, failed: 2, streak: 0 });
  });

  test('established and lost: counted as lost, not as failed', () => {
    const { joins, record } = counted();
    joins.observe(event('subflow-established', 3), 7);
    joins.observe(event('subflow-closed', 3, 104), 8);
    expect(record()).toMatchObject({
      ...{ established: 1, failed: 0, last: null, lost: 1, lastLoss: { errno: 'ECONNRESET', at: 8 } },
    });
  });

  test('closed on purpose or with their endpoint: not counted as failed', () => {
    const { joins, record } = counted();
    joins.observe(event('subflow-closed', 3), 8);
    joins.observe(event('subflow-closed', 4, 103), 8);
    expect(record()).toMatchObject({ failed: 0 });
  });

  test('counters are reset when an uplink is active again', () => {
    const { joins, record } = counted();
    joins.observe(event('subflow-closed', 1, 113), 5);
    joins.follow(new Set());
    expect(record()).toBeUndefined();
    joins.follow(new Set([UPLINK]));
    expect(record()).toMatchObject({ failed: 0 });
  });

  test('unanswered SYN: counted once, within ten seconds', async () => {
    const { record, now, fire, delay, joins } = counted([socket(1, 1)]);
    expect(delay()).toBe(4_000);
    await fire();
    expect(record()).toMatchObject({ failed: 0 });
    now.sockets = [socket(1, 2)];
    expect(delay()).toBe(4_000);
    await fire();
    expect(record()).toMatchObject({ failed: 1, last: { errno: 'ETIMEDOUT' } });
    await fire();
    // The kernel's final report.
    joins.observe(event('subflow-closed', 1, 110), 127_000);
    expect(record()).toMatchObject({ failed: 1 });
  });

  test('sockets are not read if no join is pending', async () => {
    const { fire, delay, joins } = counted([socket(1, 0, 'ESTAB')]);
    await fire();
    expect(delay()).toBeNull();
    joins.observe(event('established', 1), 5);
    expect(delay()).toBe(4_000);
    joins.stop();
    expect(delay()).toBeNull();
  });
});

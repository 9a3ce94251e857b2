/** When the detection of dead paths reads counters and sockets, and when it has no timer. */
import { expect, test } from 'vitest';
import { Health } from '../../src/daemon/health.ts';
import { DEFAULT_HEALTH } from '../../src/rules/validate.ts';
import type { Requester } from '../../src/netlink/connection.ts';
import { Writer } from '../../src/netlink/bytes.ts';
import type { Message } from '../../src/netlink/message.ts';
import type { MptcpEvent, MptcpEventKind } from '../../src/netlink/mptcp/event.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Uplink } from '../../src/plan/uplink.ts';

/** An idle link: its counters never change. */
const STATS: Message = {
  ...{ type: 92, flags: 0, sequence: 1, portId: 1 },
  payload: new Writer()
    .bytes(Buffer.alloc(12))
    .attributeBytes(4 - 3, Buffer.alloc(200))
    .done(),
};

const uplink = (ifindex: number, address: string): Uplink =>
  ({
    ...{ key: `${ifindex}/${address}`, state: 'active', family: 'ipv4', ifindex, address, prefixLength: 24 },
    endpoint: { id: ifindex, address, ifindex, flags: 2, port: 0 },
  }) as unknown as Uplink;

function watched() {
  let now = 0;
  let requests = 0;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const clock = {
    now: () => now,
    after: (delay: number, fire: () => void) => {
      const timer = { at: now + delay, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
  };
  const requester: Requester = {
    request: () => Promise.resolve(++requests ? [STATS] : []),
    dump: () => Promise.resolve(++requests ? [] : []),
  };
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
  };
  const onChange = (): void => undefined;
  const health = new Health({ route: requester, diag: requester, clock, log, onChange }, DEFAULT_HEALTH);
  const event = (kind: MptcpEventKind): MptcpEvent => ({
    ...{ kind, token: 7, localId: 0, remoteId: 0, local: null, remote: null },
    ...{ backup: null, error: null, ifindex: null, serverSide: false },
  });
  return {
    health,
    see: (kind: MptcpEventKind) => health.observe(event(kind)),
    follow: (...uplinks: Uplink[]) => health.follow({ uplinks, actions: [] } as unknown as Plan),
    timers: () => timers.size,
    requests: () => requests,
    /** Lets time pass, and returns how often a timer fired. */
    pass: async (time: number): Promise<number> => {
      const end = now + time;
      for (let fired = 0; ; fired++) {
        const next = [...timers].sort((a, b) => a.at - b.at)[0];
        if (!next || next.at > end) {
          now = end;
          return fired;
        }
        timers.delete(next);
        now = next.at;
        next.fire();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

const BOTH = [uplink(2, '192.0.2.10'), uplink(3, '203.0.113.10')];

test('no timer without a connection, nor with a single uplink', () => {
  const { follow, see, timers, requests } = watched();
  follow(...BOTH);
  expect(timers()).toBe(0);
  see('created');
  expect(timers()).toBe(1);
  see('closed');
  expect(timers()).toBe(0);
  see('created');
  follow(BOTH[0]!);
  expect([timers(), requests()]).toEqual([0, 0]);
});

test('counters are read once a second while connections are idle', async () => {
  const { follow, see, pass, health, timers } = watched();
  follow(...BOTH);
  see('created');
  await pass(5_000);
  expect(await pass(60_000)).toBeLessThanOrEqual(60);
  health.reload(null);
  expect(timers()).toBe(0);
});

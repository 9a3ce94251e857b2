/** The expiry of a router-advertised default route in snapshots. */
import { describe, expect } from 'vitest';
import { openSession } from '../../src/netlink/session.ts';
import { inLastTick } from '../../src/snapshot/expiry.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { lookupKey } from '../../src/snapshot/snapshot.ts';
import { systemClock } from '../../src/system/clock.ts';
import { defaultRoute, snapshot } from '../doctor/facts.ts';
import { TestClock } from '../model/clock.ts';
import { test, type Lab } from '../support/lab.ts';
import type { DefaultRoute } from '../../src/netlink/route/route.ts';

const FAMILY = 'ipv6' as const;

/** One link with an address and a default route that expires in `seconds`, and its reader. */
async function scene(lab: Lab, seconds: number, clock: TestClock | null) {
  const eth = lab.cable('eth0').up().addAddress(6);
  lab.host.ip(`-6 route add default via ${eth.gateway(6)} dev eth0 proto ra expires ${seconds}`);
  const kernel = await openSession({ clock: systemClock, netns: lab.host.path });
  const [ifindex, address] = [lab.host.index('eth0'), eth.address(6)];
  const reader = new SnapshotReader({
    ...kernel,
    sysfs: '/nonexistent',
    ...(clock ? { clock } : {}),
    requests: () => [
      {
        ...{ ifindex, address, family: FAMILY, prefixLength: null, table: null, length: 64, alone: true },
        tunnel: 'respect',
      },
    ],
  });
  return { reader, kernel, key: lookupKey(ifindex, address) };
}

describe('lookedUpAt', () => {
  test('is unchanged while lookups are kept', async ({ lab }) => {
    const clock = new TestClock();
    const { reader, kernel, key } = await scene(lab, 600, clock);
    const first = await reader.read(new Set());
    expect(first.lookedUpAt).toBe(0);
    expect(first.lookups.get(key)?.default?.route.expires).toBeGreaterThan(590);
    clock.step(30_000);
    const kept = await reader.read(new Set(['endpoints'] as const));
    expect([kept.lookedUpAt, kept.lookups]).toEqual([0, first.lookups]);
    expect((await reader.read(new Set(['routes'] as const))).lookedUpAt).toBe(30_000);
    kernel.close();
  });
});

describe('the last tick before expiry, reported like "never"', () => {
  const key = lookupKey(1, '10.1.0.2');
  const present = (expires: number | null): DefaultRoute => {
    const route = defaultRoute(1, { expires });
    return { route, hop: route.hops[0]! };
  };
  const before = (expires: number | null) => {
    const plain = snapshot({ lookedUpAt: 5000 });
    const answer = plain.lookups.get(key)!;
    return { ...plain, lookups: new Map([[key, { ...answer, default: present(expires) }]]) };
  };
  const seen = (was: number | null, is: number | null, now: number): number | null | undefined =>
    inLastTick(present(is), key, before(was), now)?.route.expires;

  test('is recognized from the expiry reported before', () => {
    expect(seen(2, null, 6995)).toBe(0.005);
    expect(seen(0.005, null, 5002)).toBe(0.003);
    // A moment past the calculated expiry, and for half a second at most.
    expect(seen(-0.1, null, 5020)).toBe(-0.12);
    expect(seen(-0.1, null, 5520)).toBeNull();
  });

  test('is not assumed if expiry is far off, unset or reported', () => {
    expect(seen(90, null, 6995)).toBeNull();
    expect(seen(null, null, 6995)).toBeNull();
    expect(seen(2, 1800, 6995)).toBe(1800);
    expect(inLastTick(null, key, before(2), 6995)).toBeNull();
    expect(inLastTick(present(null), key, null, 6995)?.route.expires).toBeNull();
  });

  test('real kernel: an expiring route is never reported without expiry', async ({ lab }) => {
    const { reader, kernel, key: live } = await scene(lab, 2, null);
    const said: (number | null)[] = [];
    for (let found; (found = (await reader.read(new Set(['routes'] as const))).lookups.get(live)?.default);)
      said.push(found.route.expires);
    kernel.close();
    expect(said.length).toBeGreaterThan(10);
    expect(said).not.toContain(null);
  });
});

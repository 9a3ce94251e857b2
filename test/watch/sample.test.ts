/** Rates and paths that "multihomed watch" derives from samples: values only. */
import { describe, expect, test } from 'vitest';
import { HISTORY, Meter } from '../../src/watch/meter.ts';
import { Sampler } from '../../src/watch/sample.ts';
import { connection, MODEM, sample, status, subflow, uplink } from './scene.ts';

describe('a rate', () => {
  test('starts at the first difference and converges to later ones', () => {
    const meter = new Meter();
    meter.take(0, 5_000_000, 0);
    expect(meter.rate).toEqual({ in: 0, out: 0 });
    meter.take(1000, 6_000_000, 500);
    expect(meter.rate).toEqual({ in: 1e6, out: 500 });
    let received = 6_000_000;
    meter.take(2000, (received += 3e6), 1000);
    expect(meter.rate.in).toBeGreaterThan(1.5e6);
    expect(meter.rate.in).toBeLessThan(3e6);
    for (let at = 3; at < 12; at++) meter.take(at * 1000, (received += 3e6), 1000);
    expect(meter.rate.in).toBeCloseTo(3e6, -4);
  });

  test('does not depend on how often it is read', () => {
    const [often, seldom] = [new Meter(), new Meter()];
    for (const meter of [often, seldom]) [0, 1000].forEach((at) => meter.take(at, 0, 0));
    for (let at = 1100; at <= 3000; at += 100) often.take(at, (at - 1000) * 1000, 0);
    for (let at = 2000; at <= 3000; at += 1000) seldom.take(at, (at - 1000) * 1000, 0);
    expect(often.rate.in).toBeCloseTo(seldom.rate.in, 3);
  });

  test('is zero soon after the last byte', () => {
    const meter = new Meter();
    [0, 1, 2].forEach((at) => meter.take(at * 1000, at * 1e9, 0));
    [3, 4, 5].forEach((at) => meter.take(at * 1000, 2e9, 0));
    expect(meter.rate).toEqual({ in: 0, out: 0 });
  });

  test('is never negative, and zero for two samples at one time', () => {
    const meter = new Meter();
    meter.take(0, 1000, 1000);
    meter.take(1000, 0, 0);
    meter.take(1000, 5e9, 0);
    expect(meter.rate).toEqual({ in: 0, out: 0 });
  });

  test('keeps as many samples as a chart shows', () => {
    const meter = new Meter();
    for (let at = 0; at < 500; at++) meter.take(at * 1000, at * at, 0);
    expect(meter.history).toHaveLength(HISTORY);
    expect(meter.history.at(-1)).toBe(499 ** 2 - 498 ** 2);
  });
});

test('a path has the sum of its subflows; one on a foreign address is listed separately', () => {
  const sampler = new Sampler();
  const flows = (n: number) => [
    subflow({ token: 1, cookie: 1, received: n * 1000 }),
    subflow({ token: 2, cookie: 2, received: n * 2000 }),
    subflow({ token: 2, cookie: 3, address: '10.1.0.2', acked: n * 500 }),
    subflow({ token: 3, cookie: 4, address: '192.0.2.9', acked: n * 10 }),
  ];
  const names = new Map([['192.0.2.9', 'lan7']]);
  sampler.take(sample(0, { subflows: flows(0), names }));
  const { paths, rate } = sampler.take(sample(1000, { subflows: flows(1), names }));
  expect(
    paths.map((path) => [path.interface, path.state, path.subflows, path.rate.in, path.rate.out]),
  ).toEqual([
    ['eth0', 'active', 2, 3000, 0],
    ['wwan0', 'active', 1, 0, 500],
    ['lan7', 'no uplink', 1, 0, 10],
  ]);
  expect(rate).toEqual({ in: 3000, out: 510 });
});

test('the same address on two links: the link of the bound socket', () => {
  const second = uplink({ interface: 'eth1', ifindex: 9 });
  const bound = { ...subflow({ cookie: 1 }), ifindex: 9 };
  const { paths } = new Sampler().take(sample(0, { status: status([uplink(), second]), subflows: [bound] }));
  expect(paths.map((path) => [path.interface, path.subflows])).toEqual([
    ['eth1', 1],
    ['eth0', 0],
  ]);
});

test.each([
  [{}, 'open'],
  [{ backup: true }, 'backup'],
  [{ backup: true, timeouts: 1 }, 'stalled'],
  [{ state: 'SYN-SENT' }, 'opening'],
  [{ state: 'FIN-WAIT-1' }, 'closing'],
])('%j is %s', (facts, role) => {
  const { connections } = new Sampler().take(sample(0, { subflows: [subflow({ cookie: 1, ...facts })] }));
  expect(connections[0]?.subflows[0]?.role).toBe(role);
});

test('a connection without a subflow stays in its position', () => {
  const sampler = new Sampler();
  const connections = [connection(7), connection(8)];
  sampler.take(
    sample(0, {
      connections,
      subflows: [subflow({ token: 8, cookie: 1 }), subflow({ token: 7, cookie: 2 })],
    }),
  );
  const { connections: left } = sampler.take(sample(1000, { connections: connections.toReversed() }));
  expect(left.map(({ token, usable, rtt }) => [token, usable, rtt])).toEqual([
    [7, 0, null],
    [8, 0, null],
  ]);
});

test('events list changes of uplinks, not the first state', () => {
  const sampler = new Sampler();
  expect(sampler.take(sample(0)).changes).toEqual([]);
  const lost = uplink({ state: 'lingering', reason: 'no carrier' });
  sampler.take(sample(1000, { status: status([lost, MODEM]) }));
  const { changes } = sampler.take(sample(2000, { status: status([lost]) }));
  expect(changes.map(({ at, what, before, after }) => [at, what, before, after])).toEqual([
    [2000, 'wwan0 10.1.0.2', 'active', 'gone'],
    [1000, 'eth0 10.0.0.2', 'active', 'lingering'],
  ]);
});

test('sorted: paths in use first, then ready ones', () => {
  const uplinks = [
    uplink({ interface: 'lost0', ifindex: 5, address: '10.5.0.2', state: 'no carrier' }),
    uplink({ interface: 'ready0', ifindex: 6, address: '10.6.0.2' }),
    uplink({ interface: 'spare0', ifindex: 7, address: '10.7.0.2' }),
    uplink({ interface: 'busy0', ifindex: 8, address: '10.8.0.2' }),
  ];
  const subflows = [
    subflow({ cookie: 1, address: '10.7.0.2', backup: true }),
    subflow({ cookie: 2, address: '10.8.0.2' }),
  ];
  const { paths } = new Sampler().take(sample(0, { status: status(uplinks), subflows }));
  expect(paths.map((path) => path.interface)).toEqual(['busy0', 'spare0', 'ready0', 'lost0']);
});

test('totals of a connection do not fall when a subflow ends', () => {
  const sampler = new Sampler();
  const totals = (at: number, subflows: ReturnType<typeof subflow>[]) =>
    sampler
      .take(sample(at, { subflows }))
      .connections.map(({ received, sent, retransmits }) => [received, sent, retransmits]);
  const [first, second] = [
    subflow({ cookie: 1, received: 5000, acked: 70, retransmits: 2 }),
    subflow({ cookie: 2, received: 300, acked: 4, retransmits: 1 }),
  ];
  expect(totals(0, [first, second])).toEqual([[5300, 74, 3]]);
  expect(totals(1000, [second])).toEqual([[5300, 74, 3]]);
  expect(totals(2000, [{ ...second, traffic: null }])).toEqual([[5300, 74, 3]]);
  expect(totals(3000, [])).toEqual([]);
  expect(totals(4000, [second])).toEqual([[300, 4, 1]]);
});

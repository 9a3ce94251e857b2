/** Log lines about uplinks, and since when each is in its state: values only. */
import { expect, test } from 'vitest';
import { UplinkLog } from '../../src/daemon/uplink-log.ts';
import type { Plan } from '../../src/plan/plan.ts';
import type { Reason } from '../../src/plan/reason.ts';
import type { Uplink } from '../../src/plan/uplink.ts';
import type { Log } from '../../src/system/log.ts';

const uplink = (state: Uplink['state'], reason: Reason): Uplink => ({
  key: '2/10.0.0.2',
  state,
  reason,
  interface: 'eth0',
  ifindex: 2,
  family: 'ipv4',
  address: '10.0.0.2',
  prefixLength: 24,
  rule: null,
  gateway: '10.0.0.1',
  metric: null,
  table: 86840002,
  endpoint: null,
  flags: 2,
});
const ACTIVE = uplink('active', { code: 'default-route', gateway: '10.0.0.1' });
const LOST = uplink('no default route', {
  code: 'no-default-route',
  interface: 'eth0',
  missing: { code: 'unreachable', errno: 'EHOSTUNREACH' },
});

function harness(): {
  written: UplinkLog;
  lines: string[];
  pass: (each: Uplink, now: number) => number | undefined;
} {
  const lines: string[] = [];
  const say = (text: string): void => void lines.push(text);
  const log: Log = { debug: say, info: say, warn: say, error: say };
  const written = new UplinkLog(log);
  const pass = (each: Uplink, now: number): number | undefined => {
    const plan: Plan = {
      uplinks: [each],
      selected: [],
      evaluations: [],
      actions: [],
      expires: null,
      retryObstacle: null,
    };
    return written.observe(plan, now).get(each.key);
  };
  return { written, lines, pass };
}

test('log: an uplink lost and back before the passes settle is one line', () => {
  const { written, lines, pass } = harness();
  pass(ACTIVE, 0);
  written.write();
  pass(LOST, 1000);
  pass(ACTIVE, 1012);
  written.write();
  pass(ACTIVE, 2000);
  written.write();
  expect(lines.slice(1)).toEqual(['eth0 10.0.0.2: active again, after 12 ms no default route through eth0']);
});

test('log: an uplink lost, and back after the passes settled, is two lines', () => {
  const { written, lines, pass } = harness();
  pass(ACTIVE, 0);
  written.write();
  pass(LOST, 1000);
  written.write();
  pass(ACTIVE, 1500);
  written.write();
  expect(lines.slice(1)).toEqual([
    'eth0 10.0.0.2: no default route through eth0',
    'eth0 10.0.0.2: active: default route through 10.0.0.1, after 500 ms',
  ]);
});

test('since: only changes with the state', () => {
  const { pass } = harness();
  const began = Date.now();
  const first = pass(ACTIVE, 0);
  expect(first).toBeGreaterThanOrEqual(began);
  expect(pass(ACTIVE, 50)).toBe(first);
  const waited = Date.now() + 2;
  while (Date.now() < waited);
  expect(pass(LOST, 60)).toBeGreaterThan(first!);
});

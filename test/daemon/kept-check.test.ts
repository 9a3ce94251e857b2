/** Values kept from earlier reads are compared with a complete read; a difference is logged. */
import { expect, test } from 'vitest';
import { KeptCheck } from '../../src/daemon/kept-check.ts';
import type { Log } from '../../src/system/log.ts';
import { PlanHost } from '../plan/build.ts';
import { POLICY_RULE } from '../support/objects.ts';

/** main's policy rule decides about the address. */
function hostOf(address: string, gateway: string, words: Parameters<PlanHost['default']>[2] = {}): PlanHost {
  const host = new PlanHost().link('eth0', 2).address(2, address).default(2, gateway, words);
  host.hosts.set(address.split('/')[0]!, { kind: 'unread', rule: POLICY_RULE });
  return host;
}

const host = (): PlanHost => hostOf('192.0.2.10/24', '192.0.2.1');

function logged(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const quiet = (): void => undefined;
  return { log: { debug: quiet, info: quiet, warn: quiet, error: (text) => void lines.push(text) }, lines };
}

test('kept look-ups: no difference, no message', async () => {
  const { log, lines } = logged();
  const check = new KeptCheck(log);
  check.begin(host().snapshot);
  await check.end(host().snapshot);
  expect(lines).toEqual([]);
});

test('kept look-ups: a default route that was missed is logged as an internal error', async () => {
  const { log, lines } = logged();
  const check = new KeptCheck(log);
  check.begin(host().snapshot);
  await check.end(host().default(2, '192.0.2.254', { metric: 1 }).snapshot);
  expect(lines).toEqual([expect.stringMatching(/^internal error, please report it: .*192\.0\.2\.254/)]);
  await check.end(host().snapshot);
  expect(lines).toHaveLength(1);
});

test('kept look-ups: a difference whose event arrives during the check is not logged', async () => {
  const { log, lines } = logged();
  const check = new KeptCheck(log);
  check.begin(host().snapshot);
  const ended = check.end(host().default(2, '192.0.2.254', { metric: 1 }).snapshot);
  check.cancel();
  await ended;
  expect(lines).toEqual([]);
});

test('kept look-ups: a default route with a lifetime is never kept, and not compared', async () => {
  const { log, lines } = logged();
  const check = new KeptCheck(log);
  const advertised = (gateway: string): PlanHost => hostOf('2001:db8::10/64', gateway, { expires: 1800 });
  check.begin(advertised('fe80::1').snapshot);
  await check.end(advertised('fe80::2').snapshot);
  expect(lines).toEqual([]);
});

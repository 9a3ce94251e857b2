/** A router's default route expires by the clock; the kernel reports it up to 30 s late. */
import { expect } from 'vitest';
import { test } from '../support/lab.ts';

test('route expiry: passes that only read endpoints do not delay it', async ({ lab }) => {
  const eth = lab.cable('eth0').up().addAddress(6);
  const wwan = lab.cable('wwan0').connect(6);
  // Longer than 30 s, after which the endpoints are read again.
  const given = Date.now();
  lab.host.ip(`-6 route add default via ${eth.gateway(6)} dev eth0 proto ra metric 50 expires 33`);
  await lab.daemon({ 'eth*': 'subflow', 'wwan*': 'subflow backup' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  await expect
    .poll(() => lab.host.endpointTexts(), { timeout: 90_000 })
    .toEqual([`${wwan.address(6)} wwan0 subflow,backup`]);
  expect(Date.now() - given).toBeGreaterThan(32_000);
  // The kernel itself reports it up to 30 s after the end.
  expect(Date.now() - given).toBeLessThan(62_000);
});

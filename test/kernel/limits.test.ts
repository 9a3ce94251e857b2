/** The kernel's limits: which values it accepts, and when the daemon raises them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { test } from '../support/lab.ts';

test('limits: a value above the maximum of the kernel is set to the maximum', async ({ lab }) => {
  lab.cable('eth0').connect();
  const text = (subflows: number): string =>
    `rules: { "eth*": subflow }\nlimits: { subflows: ${subflows}, add-addr-accepted: 4 }\n`;
  const daemon = await lab.daemon(text(255));
  await expect.poll(() => lab.host.limits()).toEqual({ accepted: 4, subflows: 8 });
  expect(daemon.log.match(/limits: subflows is 255.*at most 8/g)).toHaveLength(1);
  expect((await daemon.status())?.problems.join()).toMatch(/255.*at most 8/);
  // A refused limit is not retried.
  await sleep(6_000);
  expect(daemon.log.match(/limits/g)).toHaveLength(1);
  await daemon.reconfigure(text(254));
  await expect.poll(() => daemon.log.match(/limits: subflows is 254.*at most 8/g)).toHaveLength(1);
  await daemon.reconfigure(text(5));
  await expect.poll(() => lab.host.limits()).toEqual({ accepted: 4, subflows: 5 });
  await expect.poll(async () => (await daemon.status())?.problems).toEqual([]);
});

test('limits: not raised for an endpoint that the kernel refuses; one warning', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const before = lab.host.limits();
  const script = `
    require('node:net').createServer().listen(4433, '0.0.0.0', () => console.log('listening'));
    process.stdin.on('end', () => process.exit()).resume();`;
  const child = lab.host.spawn(process.execPath, ['-e', script]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const daemon = await lab.daemon({ eth0: { flags: 'signal', port: 4433 } }, { args: ['--debug'] });
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^failed: .*EADDRINUSE/);
  const tries = (): number => (daemon.log.match(/netlink sent \(endpoint add/g) ?? []).length;
  await expect.poll(tries).toBeGreaterThanOrEqual(3);
  await expect.poll(() => lab.host.limits()).toEqual(before);
  // Once before the first refusal and once after it.
  expect((daemon.log.match(/debug: limits set/g) ?? []).length).toBeLessThanOrEqual(2);
  expect(daemon.log.match(/warning: endpoint add/g)).toHaveLength(1);
  child.kill('SIGKILL');
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
  await expect.poll(() => lab.host.limits().subflows).toBe(8);
});

test('limits: the original value, set again by an administrator, is kept', async ({ lab }) => {
  const before = lab.host.limits();
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.limits().subflows).toBe(8);
  await daemon.reload();
  lab.host.ip(`mptcp limits set subflows ${before.subflows} add_addr_accepted ${before.accepted}`);
  // The kernel sends no event for limits, so this address starts a pass.
  eth.addAddress(4, 9).deleteAddress(4, 9);
  await expect
    .poll(() => daemon.log)
    .toContain(`limits: subflows ${before.subflows} was set by another program`);
  for (let times = 0; times < 5; times++) {
    eth.addAddress(4, 9).deleteAddress(4, 9);
    await sleep(100);
    expect(lab.host.limits()).toEqual(before);
  }
  // The administrator's value applies until the last endpoint is removed; the next endpoint raises the limits again.
  await daemon.command('flush', '--force');
  expect(lab.host.limits()).toEqual(before);
  await daemon.reload();
  await expect.poll(() => lab.host.limits().subflows).toBe(8);
});

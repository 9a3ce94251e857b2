/** The kernel's limits: what it takes, and when they are raised. */
import { expect } from 'vitest';
import { test } from '../support/lab.ts';

test('are not raised for an endpoint that the kernel refuses, and the refusal is said once', async ({
  lab,
}) => {
  const eth = lab.cable('eth0').connect();
  const before = lab.host.limits();
  const script = `
    require('node:net').createServer().listen(4433, '0.0.0.0', () => console.log('listening'));
    process.stdin.on('end', () => process.exit()).resume();`;
  const child = lab.host.spawn(process.execPath, ['-e', script]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const daemon = await lab.daemon({ eth0: { flags: 'signal', port: 4433 } }, { args: ['--debug'] });
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^failed: .*EADDRINUSE/);
  const tries = (): number => (daemon.log.match(/netlink sent: endpoint add/g) ?? []).length;
  await expect.poll(tries, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
  await expect.poll(() => lab.host.limits()).toEqual(before);
  // Before the first refusal and after it.
  expect((daemon.log.match(/debug: limits set/g) ?? []).length).toBeLessThanOrEqual(2);
  expect(daemon.log.match(/warning: endpoint add/g)).toHaveLength(1);
  child.kill('SIGKILL');
  await expect.poll(() => daemon.stateOf(eth.address()), { timeout: 10_000 }).toMatch(/^active/);
  await expect.poll(() => lab.host.limits().subflows).toBe(8);
});

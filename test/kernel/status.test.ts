/** `status` and `explain` show the kernel as it is now, under the names that a user knows. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe('an interface that a rule selects is always listed', () => {
  test('with a link-local address alone: no address', async ({ lab }) => {
    lab.cable('eth0').up();
    const daemon = await lab.daemon(RULES);
    await expect
      .poll(async () => (await daemon.command('status', 'eth0')).stdout)
      .toMatch(/eth0 .*no address .*no usable address yet: fe80:\S+ \(link-local addresses are not used\)/);
    expect((await daemon.command('explain', 'eth0')).stdout).toContain(
      'ip address add ADDRESS/PREFIX dev eth0',
    );
  });
});

describe('altnames', () => {
  test('status, explain and endpoint add take them for the interface', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    lab.host.ip('link property add dev eth0 altname modem0');
    const daemon = await lab.daemon({ 'modem*': 'subflow' });
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
    for (const args of [
      ['status', 'modem0'],
      ['explain', 'modem0'],
    ])
      expect(await daemon.command(...args)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('eth0'),
      });
    const added = await daemon.command(
      'endpoint',
      'add',
      '198.51.100.7',
      'dev',
      'modem0',
      'id',
      '9',
      'signal',
    );
    expect(added.code).toBe(0);
    expect(lab.host.endpointWords()).toContain('198.51.100.7 eth0 signal');
  });

  test('status of a name that is no interface, and of one that no rule selects, differ', async ({ lab }) => {
    lab.cable('wlan0');
    const daemon = await lab.daemon(RULES);
    expect(await daemon.command('status', 'nosuch0')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('"nosuch0": no such interface'),
    });
    expect(await daemon.command('status', 'wlan0')).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('no rule selects "wlan0"'),
    });
  });
});

/** A default route of multihomed never counts as a route of the host, even if a policy rule leads to its table. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

describe.each([4, 6] as const)(
  'a policy rule of the user looks up the table that the rule names, IPv%i',
  (version) => {
    test.for(['from', 'oif'] as const)(
      'by %s: removing the default route ends the uplink',
      async (by, { lab }) => {
        const eth = lab.cable('eth0').connect(version);
        lab.cable('wwan0').connect(version);
        lab.host.ip(
          `-${version} rule add ${by} ${by === 'from' ? eth.address(version) : 'eth0'} lookup 100 priority 1000`,
        );
        const daemon = await lab.daemon({
          eth0: { flags: 'subflow', table: 100 },
          'wwan*': 'subflow backup',
        });
        await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
        eth.deleteDefault(version);
        await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^no default route/);
        expect(lab.host.endpoints()).toHaveLength(1);
      },
    );
    test('by oif: a gateway that changes is followed', async ({ lab }) => {
      const eth = lab.cable('eth0').connect(version);
      lab.host.ip(`-${version} rule add oif eth0 lookup 100 priority 1000`);
      await lab.daemon({ eth0: { flags: 'subflow', table: 100 } });
      await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
      lab.host.ip(`-${version} route replace default via ${eth.gateway(version, 9)} dev eth0 metric 100`);
      const probe = version === 4 ? '192.0.2.1' : '2001:db8::1';
      await expect
        .poll(() => lab.host.leaves(probe, eth.address(version)))
        .toBe(`eth0 via ${eth.gateway(version, 9)}`);
    });
  },
);

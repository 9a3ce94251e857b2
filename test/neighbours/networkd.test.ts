/**
 * systemd-networkd may delete policy rules and routes of other programs, unless two lines of its configuration exclude
 * them.
 */
import { describe, expect } from 'vitest';
import { test } from './keep.ts';
import { startNetworkd } from './networkd.ts';
import { whyNot } from './part.ts';

const why = whyNot({ 'systemd-networkd': 'systemd' });

describe.skipIf(why !== null)('beside systemd-networkd', () => {
  test.for([
    ['by default', []],
    ['foreign objects excluded', ['ManageForeignRoutingPolicyRules=no', 'ManageForeignRoutes=no']],
  ] as const)(
    '%s: no endpoint is lost at carrier loss or a restart of networkd',
    async ([, settings], { lab, keep }) => {
      const eth = lab.cable('eth0');
      lab.host.ip('rule add from 192.168.77.1 lookup 77 priority 77');
      const first = await startNetworkd(lab, eth, settings);
      keep(first);
      const daemon = await lab.daemon({ 'eth*': 'subflow backup' }, { args: ['--debug'] });
      await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
      const before = lab.host.endpoints();
      const rules = lab.host.ruleTexts();
      const foreign = (): object[] => lab.host.rules(4, 'all').filter(({ protocol }) => protocol !== '86');
      const its = foreign();
      eth.unplug();
      // It waits for some seconds, and then removes the address.
      await expect.poll(() => lab.host.ip('-4 address show dev eth0')).toBe('');
      eth.plugIn();
      await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
      await first.end();
      const second = await startNetworkd(lab, eth, settings);
      keep(second);
      await expect.poll(() => lab.host.ruleTexts()).toEqual(rules);
      await expect.poll(foreign).toEqual(its);
      expect(lab.host.endpoints()).toEqual(before);
      expect(daemon.changes().filter((change) => change.startsWith('endpoint'))).toEqual(['endpoint add']);
    },
  );
});

/** mptcpd adds an endpoint for every address, sets limits, and deletes endpoints by ids that it read earlier. */
import { describe, expect } from 'vitest';
import type { Lab } from '../support/lab.ts';
import { test, type Keep } from './keep.ts';
import type { Cable } from '../support/cable.ts';
import type { Daemon } from '../support/daemon.ts';
import { stays } from '../support/stays.ts';
import type { Background } from './background.ts';
import { startMptcpd } from './mptcpd.ts';
import { whyNot } from './part.ts';

const why = whyNot({ mptcpd: 'mptcpd' });

interface Both {
  readonly eth: Cable;
  readonly wlan: Cable;
  readonly daemon: Daemon;
  readonly other: Background;
}

/** The daemon first, with one path; then mptcpd, and an address that mptcpd sees before its default route exists. */
async function beside(lab: Lab, keep: Keep, flags: string | null): Promise<Both> {
  // mptcpd also uses link-local addresses, which appear at any time.
  lab.host.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
  const eth = lab.cable('eth0').connect();
  const wlan = lab.cable('wlan0');
  const daemon = await lab.daemon({ 'eth*|wlan*': 'subflow backup' }, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const other = startMptcpd(lab.host, flags);
  keep(other);
  await expect.poll(() => other.log).toContain('address advertiser path manager initialized');
  wlan.up().addAddress();
  await expect.poll(() => lab.host.endpointTexts()).toContain(`${wlan.address()} wlan0 ${flags ?? ''}`);
  wlan.addDefault(4, 'metric 200');
  return { eth, wlan, daemon, other };
}

/** Checks that every deleted endpoint was added before, by its id and address in the log. */
function wrongDeletions({ log }: Daemon): string[] {
  const added = new Set<string>();
  const wrong: string[] = [];
  for (const [, change, address, id] of log.matchAll(/debug: endpoint (add|delete) (\S+) .*?\bid (\d+)/g)) {
    const key = `${address} ${id}`;
    if (change === 'add') added.add(key);
    else if (!added.delete(key)) wrong.push(key);
  }
  return wrong;
}

const limitsSet = ({ log }: Daemon): number => log.split('debug: limits set').length - 1;

describe.skipIf(why !== null)('beside mptcpd', () => {
  test.for([[null], ['subflow'], ['signal']] as const)(
    'with flags %s: each program keeps its endpoint',
    async ([flags], { lab, keep }) => {
      const { eth, wlan, daemon } = await beside(lab, keep, flags);
      await expect.poll(() => daemon.stateOf(wlan.address())).toMatch(/^conflict: endpoint \d+ \(/);
      expect(await daemon.stateOf(eth.address())).toMatch(/^active/);
      const all = lab.host.endpointTexts();
      await daemon.reload();
      expect(await stays(() => lab.host.endpointTexts(), 1_000)).toEqual(all);
      expect(daemon.changes().filter((change) => change.startsWith('endpoint'))).toEqual(['endpoint add']);
      await daemon.command('flush', '--force');
      expect(lab.host.endpointTexts()).toEqual([`${wlan.address()} wlan0 ${flags ?? ''}`]);
    },
  );

  test('after mptcpd ended: the deletion that status names ends the conflict', async ({ lab, keep }) => {
    const { wlan, daemon, other } = await beside(lab, keep, 'subflow');
    await expect.poll(() => daemon.stateOf(wlan.address())).toMatch(/^conflict/);
    await other.end();
    const [, words = ''] =
      /"multihomed (endpoint delete id \d+)"/.exec(await daemon.stateOf(wlan.address())) ?? [];
    await daemon.command(...words.split(' '));
    await expect.poll(() => lab.host.endpointTexts()).toContain(`${wlan.address()} wlan0 subflow,backup`);
    expect(lab.host.endpointTexts()).toContain(`${wlan.address()} wlan0 subflow,backup`);
  });

  test('addresses come and go: no endpoint of mptcpd is deleted, and nothing is restored repeatedly', async ({
    lab,
    keep,
  }) => {
    const { eth, wlan, daemon } = await beside(lab, keep, 'subflow');
    const times = 10;
    for (let each = 0; each < times; each++) {
      wlan.deleteAddress();
      await expect.poll(() => lab.host.endpointTexts().join()).not.toContain(wlan.address());
      wlan.addAddress().addDefault(4, 'metric 200');
      await expect.poll(() => lab.host.endpointTexts().join()).toContain(wlan.address());
    }
    await stays(() => lab.host.endpoints(), 1_000);
    const before = daemon.log.length;
    await stays(() => [lab.host.endpoints(), lab.host.limits()], 2_000);
    // Both programs are idle now.
    expect(daemon.log.slice(before)).not.toMatch(
      /debug: (?:endpoint|policy-rule|route|limits) (?:add|delete|set)/,
    );
    expect(wrongDeletions(daemon)).toEqual([]);
    // mptcpd sets limits whenever it adds or deletes an endpoint; they are its own from then on.
    expect(limitsSet(daemon)).toBeLessThanOrEqual(3);
    expect(await daemon.stateOf(eth.address())).toMatch(/^active/);
    expect(lab.host.endpointTexts()).toContain(`${eth.address()} eth0 subflow,backup`);
  });

  test('mptcpd deletes an endpoint of multihomed: restored at most once', async ({ lab, keep }) => {
    const { eth, daemon } = await beside(lab, keep, 'subflow');
    eth.deleteAddress();
    await expect.poll(() => lab.host.endpointTexts().join()).not.toContain(eth.address());
    eth.addAddress().addDefault(4, 'metric 100');
    await expect.poll(() => lab.host.endpointTexts().join()).toContain(eth.address());
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^(?:active|conflict)/);
    await stays(() => lab.host.endpoints(), 1_000);
    expect(wrongDeletions(daemon)).toEqual([]);
    expect(daemon.changes().filter((change) => change === 'endpoint add').length).toBeLessThanOrEqual(2);
  });
});

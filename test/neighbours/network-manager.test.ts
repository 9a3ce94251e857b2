/** NetworkManager 1.40 and later adds endpoints of its own unless it is configured not to. */
import { describe, expect } from 'vitest';
import type { Lab } from '../support/lab.ts';
import { test, type Keep } from './keep.ts';
import type { Cable } from '../support/cable.ts';
import type { Daemon } from '../support/daemon.ts';
import { stays } from '../support/stays.ts';
import { NetworkManager } from './network-manager.ts';
import { whyNot } from './part.ts';

const why = whyNot({ NetworkManager: 'network-manager', nmcli: 'network-manager', 'dbus-daemon': 'dbus' });

interface Both {
  readonly eth: Cable;
  readonly daemon: Daemon;
  readonly manager: NetworkManager;
  /** The endpoints of multihomed before NetworkManager started, each as JSON. */
  readonly own: readonly string[];
}

/** The daemon first, with a path of each family; then NetworkManager manages the same interface. */
async function beside(
  lab: Lab,
  keep: Keep,
  flags: string,
  profile: string,
  configuration = '',
): Promise<Both> {
  const eth = lab.cable('eth0').connect().addAddress(6).addDefault(6);
  const daemon = await lab.daemon({ 'eth*': flags }, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const own = lab.host.endpoints().map((each) => JSON.stringify(each));
  const manager = new NetworkManager(lab);
  keep(manager);
  manager.profile(eth, profile);
  await manager.start(configuration);
  return { eth, daemon, manager, own };
}

const words = (eth: Cable, flags: string): string[] =>
  [eth.address(), eth.address(6)].map((address) => `${address} eth0 ${flags}`);
const routing = ({ host }: Lab): string[][] => [
  host.ruleTexts(),
  host.ruleTexts(6),
  host.routeTexts(),
  host.routeTexts(6),
];
const endpointChanges = (daemon: Daemon): number =>
  daemon.changes().filter((change) => change.startsWith('endpoint')).length;

/**
 * Waits until both endpoints are NetworkManager's. It deletes endpoints with other flags and then adds its own. If a
 * pass of the daemon is between the two, the daemon restores its endpoint, and NetworkManager's is refused until
 * its connection is applied again. The daemon restores ten times at most and then once in five seconds, so
 * NetworkManager has them in the end.
 */
async function replaced({ host }: Lab, { eth, daemon, manager, own }: Both): Promise<void> {
  // Ids are reused.
  const others = (): object[] => host.endpoints().filter((each) => !own.includes(JSON.stringify(each)));
  await expect.poll(others).toHaveLength(2);
  const all = words(eth, 'subflow').sort();
  for (let times = 1; ; times++) {
    await expect.poll(() => stays(() => host.endpoints())).toHaveLength(2);
    if (host.endpointTexts().join() === all.join()) break;
    expect(times).toBeLessThan(10);
    for (let again = 0; again < 5; again++) manager.nmcli('device', 'reapply', 'eth0');
  }
  // What it removes is restored ten times at most; each time is an addition and a deletion of what was in its place.
  expect(endpointChanges(daemon)).toBeLessThanOrEqual(2 + 2 * 10);
  // The kernel sends no event for endpoints; without another event the daemon polls every 30 s.
  await daemon.reload();
  for (const address of [eth.address(), eth.address(6)])
    await expect.poll(() => daemon.stateOf(address)).toMatch(/^conflict: endpoint \d+ \(subflow\)/);
}

describe.skipIf(why !== null)('beside NetworkManager', () => {
  test('endpoints that NetworkManager replaced are left to it', async ({ lab, keep }) => {
    const both = await beside(lab, keep, 'subflow backup', '');
    const { daemon, manager } = both;
    await replaced(lab, both);
    const its = lab.host.endpoints();
    const changes = endpointChanges(daemon);
    for (let times = 0; times < 5; times++) manager.nmcli('device', 'reapply', 'eth0');
    await daemon.reload();
    expect(await stays(() => lab.host.endpoints(), 1_000)).toEqual(its);
    // The routes and policy rules of the paths are gone and were not added again; no endpoint was deleted.
    expect(endpointChanges(daemon)).toBe(changes);
    expect(daemon.changes()).not.toContain('endpoint delete');
    expect(routing(lab)).toEqual([[], [], [], []]);
    await daemon.command('flush', '--force');
    expect(lab.host.endpoints()).toEqual(its);
    manager.nmcli('device', 'disconnect', 'eth0');
    await expect.poll(() => lab.host.endpoints()).toEqual([]);
  });

  test('the printed line of configuration ends the conflict', async ({ lab, keep }) => {
    const both = await beside(lab, keep, 'subflow backup', '');
    const { eth, daemon, manager } = both;
    await replaced(lab, both);
    manager.nmcli('connection', 'modify', 'eth0', 'connection.mptcp-flags', '1');
    manager.nmcli('device', 'reapply', 'eth0');
    await daemon.reload();
    await expect.poll(() => lab.host.endpointTexts()).toEqual(words(eth, 'subflow,backup'));
    await stays(() => lab.host.endpoints(), 1_000);
  });

  test('endpoints of NetworkManager in place first are left alone until deleted', async ({ lab, keep }) => {
    const eth = lab.cable('eth0');
    const manager = new NetworkManager(lab);
    keep(manager);
    manager.profile(eth);
    await manager.start();
    await expect.poll(() => lab.host.endpointTexts()).toEqual(words(eth, 'subflow'));
    const its = lab.host.endpoints();
    const daemon = await lab.daemon({ 'eth*': 'subflow backup' }, { args: ['--debug'] });
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^conflict: endpoint/);
    await daemon.reload();
    expect(await stays(() => lab.host.endpoints())).toEqual(its);
    expect(daemon.changes()).toEqual([]);
    // An address that is not usable yet is no conflict.
    lab.cable('eth1').up();
    lab.host.sysctl('net.ipv6.conf.eth1.dad_transmits', 300);
    lab.host.ip('address add 2400:77::2/64 dev eth1');
    await expect.poll(() => daemon.stateOf('2400:77::2')).toMatch(/^tentative/);
    const { stdout } = await daemon.command('status');
    expect(stdout).toMatch(
      /NetworkManager added the endpoints of these uplinks[^]*\n {4}multihomed doctor\n/,
    );
    // The daemon reads the kernel at once, not only at its next poll.
    for (const { id } of its) await daemon.command('endpoint', 'delete', 'id', `${id}`);
    await expect.poll(() => lab.host.endpointTexts()).toEqual(words(eth, 'subflow,backup'));
  });

  test('NetworkManager with the same flags keeps the endpoint until it disconnects the interface', async ({
    lab,
    keep,
  }) => {
    const { eth, daemon, manager } = await beside(lab, keep, 'subflow', '');
    const made = (): object => [lab.host.endpoints(), routing(lab), lab.host.limits()];
    const own = await stays(made, 1_000);
    manager.nmcli('device', 'reapply', 'eth0');
    expect(await stays(made, 1_000)).toEqual(own);
    expect(endpointChanges(daemon)).toBe(2);
    expect(await daemon.stateOf(eth.address())).toMatch(/^active/);
    manager.nmcli('device', 'disconnect', 'eth0');
    await expect.poll(() => lab.host.endpoints()).toEqual([]);
    manager.nmcli('connection', 'up', 'eth0');
    await expect.poll(() => lab.host.endpointTexts()).toEqual(words(eth, 'subflow'));
    await stays(() => lab.host.endpoints(), 1_000);
    expect(endpointChanges(daemon)).toBeLessThanOrEqual(4);
  });

  test.for([
    ['in the connection', 'mptcp-flags=1', ''],
    ['for all connections', '', '[connection-multihomed]\nconnection.mptcp-flags=1\n'],
  ] as const)(
    'NetworkManager with the flags disabled %s: no endpoint is replaced',
    async ([, profile, conf], { lab, keep }) => {
      const { eth, daemon, manager } = await beside(lab, keep, 'subflow backup', profile, conf);
      const own = words(eth, 'subflow,backup');
      const before = lab.host.endpoints();
      const made = routing(lab);
      for (let times = 0; times < 5; times++) manager.nmcli('device', 'reapply', 'eth0');
      expect(await stays(() => [lab.host.endpointTexts(), routing(lab)], 1_000)).toEqual([own, made]);
      expect(daemon.changes().filter((change) => change.endsWith('delete'))).toEqual([]);
      manager.nmcli('device', 'disconnect', 'eth0');
      await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^lingering/);
      manager.nmcli('connection', 'up', 'eth0');
      for (const address of [eth.address(), eth.address(6)])
        await expect.poll(() => daemon.stateOf(address)).toMatch(/^active/);
      expect(lab.host.endpoints()).toEqual(before);
      expect(routing(lab)).toEqual(made);
      expect(endpointChanges(daemon)).toBe(2);
    },
  );
});

/** What is removed when an uplink goes down while another one is active. */
import { describe, expect } from 'vitest';
import type { Cable } from '../support/cable.ts';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Version } from '../support/netns.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

/** Connects two uplinks and starts the daemon. */
async function two(lab: Lab, version: Version): Promise<[Cable, Cable, Daemon]> {
  const cables: [Cable, Cable] = [lab.cable('eth0').connect(version), lab.cable('wwan0').connect(version)];
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  return [...cables, daemon];
}

const LOSSES: [string, (lab: Lab, eth: Cable, version: Version) => void][] = [
  ['carrier is lost', (_, eth) => void eth.unplug()],
  ['the link is set down', (_, eth) => void eth.down()],
  ['the link is gone', (lab) => void lab.host.ip('link del eth0')],
  ['the address is gone', (_, eth, version) => void eth.deleteAddress(version)],
  ['the default route is gone', (_, eth, version) => void eth.deleteDefault(version)],
  [
    'the link moves to another namespace',
    (lab) => void lab.host.ip(`link set eth0 netns ${lab.provider.name}`),
  ],
];

describe.each([4, 6] as const)('an uplink is lost while another is active, IPv%i', (version) => {
  test.for(LOSSES)('%s', async ([, lose], { lab }) => {
    const [eth, wwan] = await two(lab, version);
    lose(lab, eth, version);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
    await expect
      .poll(() => lab.host.rules(version).map(({ src }) => src))
      .not.toContain(eth.address(version));
    await expect.poll(() => lab.host.routes(version).every(({ dev }) => dev === 'wwan0')).toBe(true);
    expect(lab.host.leaves(version === 4 ? '203.0.113.9' : '2600::9', wwan.address(version))).toBe(
      `wwan0 via ${wwan.gateway(version)}`,
    );
  });

  test('removes endpoint, policy rules and routes in this order', async ({ lab }) => {
    const [eth, wwan, daemon] = await two(lab, version);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    await expect.poll(() => connections.subflows()).toEqual([eth.address(version), wwan.address(version)]);
    const mptcp = await lab.monitor('mptcp');
    const routing = await lab.monitor('route', 'rule');
    wwan.deleteDefault(version);
    await expect.poll(() => mptcp.texts().filter((text) => text.includes('SF_CLOSED'))).toHaveLength(1);
    await expect.poll(() => lab.host.routes(version)).toHaveLength(2);
    await expect
      .poll(() => routing.texts().filter((text) => /Deleted .*proto 86/.test(text)).length)
      .toBeGreaterThanOrEqual(3);
    const own = routing.texts().filter((text) => /Deleted .*proto 86/.test(text));
    const kinds = own.map((text) => (text.startsWith('[RULE]') ? 'policy rule' : 'route'));
    expect(kinds).toEqual([...kinds].sort());
    const removed = (): string[] => daemon.changes().filter((change) => change.endsWith('delete'));
    // The daemon writes one line after the other.
    await expect
      .poll(() => [...removed().slice(0, 2), removed().at(-1)])
      .toEqual(['endpoint delete', 'policy-rule delete', 'route delete']);
    await connection.echo('still here');
  });

  test('adds everything again when the uplink is back', async ({ lab }) => {
    const [eth, wwan] = await two(lab, version);
    eth.deleteDefault(version);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    eth.addDefault(version, 'metric 100');
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address(version)} eth0 subflow`, `${wwan.address(version)} wwan0 subflow,backup`]);
    expect(lab.host.routes(version)).toHaveLength(4);
  });
});

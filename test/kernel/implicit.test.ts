/** Endpoints that the kernel adds for the source address that it chooses when a peer announces an address. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

const RULES = `rules:
  eth*: subflow
  wwan*: subflow backup
limits: { subflows: 4, add-addr-accepted: 4 }
`;

describe.each([4, 6] as const)('an implicit endpoint, IPv%i', (version) => {
  test('is no conflict and is not touched; an uplink on its address takes over its id', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').up().addAddress(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    // Only the modem reaches the address that the provider announces, and the modem has no default route yet.
    lab.provider.ip(`mptcp endpoint add ${wwan.gateway(version)} signal`);
    const implicit = () => lab.host.endpoints().filter(({ flags }) => flags.includes('implicit'));
    await expect.poll(implicit).toHaveLength(1);
    const [made] = implicit();
    expect(made?.address).toBe(wwan.address(version));
    expect(await daemon.stateOf(wwan.address(version))).toMatch(/^no default route/);
    wwan.addDefault(version, 'metric 700');
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual(
        [`${eth.address(version)} eth0 subflow`, `${wwan.address(version)} wwan0 subflow,backup`].sort(),
      );
    expect(lab.host.endpoints().find(({ dev }) => dev === 'wwan0')?.id).toBe(made?.id);
    await expect.poll(() => daemon.stateOf(wwan.address(version))).toMatch(/^active/);
    wwan.deleteDefault(version);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
    await connection.echo('still here');
  });
});

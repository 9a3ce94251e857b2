/** Routes that refuse packets, such as those of bogon filters, on the real kernel. */
import { describe, expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
/** The entries of public bogon lists that contain the daemon's probe addresses. */
const LISTS = {
  4: ['192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '240.0.0.0/4'],
  6: ['2001:db8::/32', '3fff::/20', '4000::/2', '8000::/1'],
};

const endpointsBecome = (lab: Lab, words: readonly string[]): Promise<void> =>
  expect.poll(() => lab.host.endpointTexts()).toEqual(words);

describe.each([4, 6] as const)('IPv%i', (version) => {
  const [first] = LISTS[version];
  const outside = version === 4 ? '198.18.0.1' : '2600::9';

  test.for(['blackhole', 'unreachable', 'prohibit', 'throw'])(
    '%s for the network of the first probe',
    async (type, { lab }) => {
      const eth = lab.cable('eth0').connect(version);
      lab.host.ip(`-${version} route add ${type} ${first}`);
      const daemon = await lab.daemon(RULES);
      await endpointsBecome(lab, [`${eth.address(version)} eth0 subflow`]);
      expect(await daemon.stateOf(eth.address(version))).toMatch(/^active: default route through /);
      expect(lab.host.leaves(outside, eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
    },
  );

  test('a list of bogon routes: one of two uplinks loses its default route and gets it back', async ({
    lab,
  }) => {
    for (const network of LISTS[version]) lab.host.ip(`-${version} route add blackhole ${network}`);
    const [eth, wwan] = [lab.cable('eth0').connect(version), lab.cable('wwan0').connect(version)];
    const daemon = await lab.daemon(RULES);
    const both = [
      `${eth.address(version)} eth0 subflow`,
      `${wwan.address(version)} wwan0 subflow,backup`,
    ].sort();
    await endpointsBecome(lab, both);
    eth.deleteDefault(version);
    await endpointsBecome(
      lab,
      both.filter((each) => each.includes('wwan0')),
    );
    expect(await daemon.stateOf(eth.address(version))).toMatch(
      /^no default route: no default route through eth0/,
    );
    eth.addDefault(version, 'metric 100');
    await endpointsBecome(lab, both);
  });

  test('a bogon route added while uplinks are active changes nothing', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await endpointsBecome(lab, [`${eth.address(version)} eth0 subflow`]);
    lab.host.ip(`-${version} route add unreachable ${first}`);
    await daemon.reload();
    await stays(() => lab.host.endpoints());
    expect(await daemon.stateOf(eth.address(version))).toMatch(/^active: /);
  });

  test('in the table of a policy rule for the address', async ({ lab }) => {
    const eth = lab.cable('eth0').up().addAddress(version);
    const wwan = lab.cable('wwan0').connect(version);
    lab.host.ip(`-${version} route add blackhole ${first} table 777`);
    lab.host.ip(`-${version} route add default via ${eth.gateway(version)} dev eth0 table 777`);
    lab.host.ip(`-${version} rule add from ${eth.address(version)} lookup 777 priority 5000`);
    await lab.daemon(RULES);
    await endpointsBecome(
      lab,
      [`${eth.address(version)} eth0 subflow`, `${wwan.address(version)} wwan0 subflow,backup`].sort(),
    );
  });

  test.for(['prohibit', 'unreachable', 'blackhole'])(
    'a policy rule that refuses: %s',
    async (type, { lab }) => {
      const eth = lab.cable('eth0').connect(version);
      lab.host.ip(`-${version} rule add to ${first} ${type} priority 5000`);
      await lab.daemon(RULES);
      await endpointsBecome(lab, [`${eth.address(version)} eth0 subflow`]);
    },
  );

  test('beside a split default route on the same uplink', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    for (const half of version === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'])
      lab.host.ip(`-${version} route add ${half} via ${eth.gateway(version)} dev eth0`);
    lab.host.ip(`-${version} route add blackhole ${first}`);
    await lab.daemon(RULES);
    await endpointsBecome(lab, [`${eth.address(version)} eth0 subflow`]);
  });
});

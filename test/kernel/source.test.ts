/** Default routes for a single source network, as routers of networks with several providers have them (RFC 8028). */
import { expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import type { Cable } from '../support/cable.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
const OUTSIDE = '2600::9';

const only = (lab: Lab, cable: Cable, from = cable.subnet(6)): string =>
  lab.host.ip(`-6 route add default from ${from} via ${cable.gateway(6)} dev ${cable.device}`);

const endpointsBecome = (lab: Lab, words: readonly string[]): Promise<void> =>
  expect.poll(() => lab.host.endpointTexts()).toEqual(words);

test('each of two uplinks uses its source-specific default route', async ({ lab }) => {
  const [eth, wwan] = [lab.cable('eth0').up().addAddress(6), lab.cable('wwan0').up().addAddress(6)];
  only(lab, eth);
  only(lab, wwan);
  const daemon = await lab.daemon(RULES);
  await endpointsBecome(lab, [`${eth.address(6)} eth0 subflow`, `${wwan.address(6)} wwan0 subflow,backup`]);
  // The second pass finds multihomed's own table too.
  await daemon.reload();
  await stays(() => [lab.host.endpoints(), lab.host.routeTexts(6), lab.host.ruleTexts(6)]);
  expect(await daemon.stateOf(eth.address(6))).toMatch(/^active: default route through /);
  for (const cable of [eth, wwan])
    expect(lab.host.leaves(OUTSIDE, cable.address(6))).toBe(`${cable.device} via ${cable.gateway(6)}`);
});

test('an uplink is lost with its source-specific default route and comes back with it', async ({ lab }) => {
  const [eth, wwan] = [lab.cable('eth0').up().addAddress(6), lab.cable('wwan0').connect(6)];
  only(lab, eth);
  const daemon = await lab.daemon(RULES);
  const both = [`${eth.address(6)} eth0 subflow`, `${wwan.address(6)} wwan0 subflow,backup`];
  await endpointsBecome(lab, both);
  lab.host.ip(`-6 route del default from ${eth.subnet(6)} dev eth0`);
  await endpointsBecome(lab, both.slice(1));
  expect(await daemon.stateOf(eth.address(6))).toMatch(/^no default route/);
  only(lab, eth);
  await endpointsBecome(lab, both);
});

test('the last uplink lingers without its source-specific default route', async ({ lab }) => {
  const eth = lab.cable('eth0').up().addAddress(6);
  only(lab, eth);
  const daemon = await lab.daemon(RULES);
  await endpointsBecome(lab, [`${eth.address(6)} eth0 subflow`]);
  lab.host.ip(`-6 route del default from ${eth.subnet(6)} dev eth0`);
  await expect.poll(() => daemon.stateOf(eth.address(6))).toMatch(/^lingering/);
  only(lab, eth);
  await expect.poll(() => daemon.stateOf(eth.address(6))).toMatch(/^active/);
});

test('a source-specific default route for another network does not count', async ({ lab }) => {
  const eth = lab.cable('eth0').up().addAddress(6);
  only(lab, eth, '2400:99::/64');
  for (const half of ['::/1', '8000::/1']) lab.host.ip(`-6 route add ${half} via ${eth.gateway(6)} dev eth0`);
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => daemon.stateOf(eth.address(6))).toMatch(/^no default route/);
  await stays(() => lab.host.endpoints(), 300);
  expect(lab.host.endpoints()).toEqual([]);
});

test.for(['before', 'later'])(
  'a source-specific default route wins over the plain one (added %s)',
  async (when, { lab }) => {
    const eth = lab.cable('eth0').connect(6, 1024);
    const add = (): string =>
      lab.host.ip(`-6 route add default from ${eth.subnet(6)} via ${eth.gateway(6, 9)} dev eth0 metric 100`);
    const leaves = (): string => lab.host.leaves(OUTSIDE, eth.address(6));
    if (when === 'before') add();
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    if (when === 'later') add();
    await expect.poll(leaves).toBe(`eth0 via ${eth.gateway(6, 9)}`);
    lab.host.ip(`-6 route del default from ${eth.subnet(6)} dev eth0`);
    await expect.poll(leaves).toBe(`eth0 via ${eth.gateway(6)}`);
  },
);

/** An uplink's own table has a connected route only if main has the subnet on that link. */
import { describe, expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import type { Version } from '../support/netns.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow' };

/** Adds addresses without the kernel's route for their subnet, and an onlink gateway. */
function scene(lab: Lab, version: Version, numbers: readonly number[], length = version === 4 ? 24 : 64) {
  const eth = lab.cable('eth0').up();
  const more = version === 6 ? ' nodad' : '';
  for (const number of numbers)
    lab.host.ip(`address add ${eth.address(version, number)}/${length} dev eth0 noprefixroute${more}`);
  lab.host.ip(`-${version} route add default via ${eth.gateway(version)} dev eth0 onlink`);
  return eth;
}

/** Returns the routes in the table other than its default, after the endpoint was added. */
async function connected(lab: Lab, version: Version): Promise<string[]> {
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const routes = await stays(() => lab.host.routeTexts(version), 300);
  expect(routes.filter((each) => each.startsWith('default '))).toHaveLength(1);
  return routes.filter((each) => !each.startsWith('default '));
}

describe.each([4, 6] as const)('IPv%i, noprefixroute', (version) => {
  test('two addresses of one subnet make no connected route', async ({ lab }) => {
    scene(lab, version, [5, 7]);
    await lab.daemon(RULES);
    expect(await connected(lab, version)).toEqual([]);
  });

  test('a host route to the gateway makes no connected route', async ({ lab }) => {
    const eth = scene(lab, version, [5]);
    lab.host.ip(`-${version} route add ${eth.address(version, 7)} dev eth0`);
    await lab.daemon(RULES);
    expect(await connected(lab, version)).toEqual([]);
  });

  test('a subnet route of another program makes a connected route', async ({ lab }) => {
    const eth = scene(lab, version, [4, 5, 6, 7]);
    lab.host.ip(`-${version} route add ${eth.address(version, 1)} dev eth0`);
    lab.host.ip(`-${version} route add ${eth.subnet(version)} dev eth0`);
    await lab.daemon(RULES);
    expect(await connected(lab, version)).toEqual([
      `${eth.subnet(version)} dev eth0 table ${lab.host.table('eth0')}`,
    ]);
  });

  test('a subnet route added and deleted later is followed', async ({ lab }) => {
    const eth = scene(lab, version, [5]);
    await lab.daemon(RULES);
    expect(await connected(lab, version)).toEqual([]);
    const route = `${eth.subnet(version)} dev eth0`;
    for (const [verb, count] of [
      ['add', 2],
      ['delete', 1],
    ] as const) {
      lab.host.ip(`-${version} route ${verb} ${route}`);
      await expect.poll(() => lab.host.routeTexts(version)).toHaveLength(count);
    }
  });

  test.for([true, false])('a subnet of four addresses, with a route for it: %s', async (routed, { lab }) => {
    const length = version === 4 ? 30 : 126;
    const eth = scene(lab, version, [9], length);
    const subnet = `${eth.address(version, 8)}/${length}`;
    if (routed) lab.host.ip(`-${version} route add ${subnet} dev eth0`);
    await lab.daemon(RULES);
    expect(await connected(lab, version)).toEqual(
      routed ? [`${subnet} dev eth0 table ${lab.host.table('eth0')}`] : [],
    );
  });
});

/** Policy rules and endpoints of other programs that conflict with an uplink. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe.each([4, 6] as const)('a policy rule of another program, IPv%i', (version) => {
  test('that decides first is named, and its deletion is noticed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    lab.host.ip(`-${version} route add default via ${wwan.gateway(version)} dev wwan0 table 777`);
    lab.host.ip(`-${version} rule add from ${eth.address(version)} lookup 777 priority 500`);
    const foreign = lab.host.rules(version, 'all').filter(({ protocol }) => protocol !== '86');
    const daemon = await lab.daemon(RULES);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
    expect(await daemon.stateOf(eth.address(version))).toMatch(/^conflict: .*policy rule 500\b/);
    await stays(() => lab.host.endpoints());
    lab.host.ip(`-${version} rule del from ${eth.address(version)} lookup 777 priority 500`);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address(version)} eth0 subflow`, `${wwan.address(version)} wwan0 subflow,backup`]);
    expect(await daemon.stateOf(eth.address(version))).toMatch(/^active: ./);
    expect(lab.host.rules(version, 'all').filter(({ protocol }) => protocol !== '86')).toEqual(
      foreign.filter(({ priority }) => priority !== 500),
    );
  });

  test('added later without a priority gets one before multihomed’s and is noticed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    lab.host.ip(`-${version} route add default via ${wwan.gateway(version)} dev wwan0 table 777`);
    lab.host.ip(`-${version} rule add from ${eth.address(version)} lookup 777`);
    const added = lab.host.rules(version, 'all').find(({ table }) => table === 777);
    await expect
      .poll(() => daemon.stateOf(eth.address(version)))
      .toMatch(new RegExp(`^conflict: .*policy rule ${added?.priority}\\b`));
    // Another uplink is active, so this one has no endpoint.
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
    lab.host.ip(`-${version} rule del priority ${added?.priority}`);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  });

  test('of type unreachable is named too', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    lab.host.ip(`-${version} rule add from ${eth.address(version)} unreachable priority 600`);
    const daemon = await lab.daemon(RULES);
    expect(await daemon.stateOf(eth.address(version))).toMatch(/^conflict: .*policy rule 600\b/);
    expect(await stays(() => lab.host.endpoints())).toEqual([]);
  });

  test('that does not apply to the uplink is ignored', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const other = version === 4 ? '192.168.9.9' : '2700::9';
    lab.host.ip(`-${version} rule add from ${other} lookup 777 priority 500`);
    lab.host.ip(`-${version} rule add to ${other} lookup 777 priority 501`);
    lab.host.ip(`-${version} rule add fwmark 0x51 lookup 51820 priority 502`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });
});

test('foreign endpoint on the uplink address: conflict, and it is left unchanged', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  lab.host.ip(`mptcp endpoint add ${eth.address()} dev eth0 id 77 signal`);
  const daemon = await lab.daemon(RULES);
  const both = [`${eth.address()} eth0 signal`, `${wwan.address()} wwan0 subflow,backup`];
  await expect.poll(() => lab.host.endpointTexts()).toEqual(both);
  expect(await daemon.stateOf(eth.address())).toMatch(/^conflict: .*77/);
  eth.deleteDefault();
  eth.addDefault();
  wwan.deleteDefault();
  await expect.poll(() => daemon.stateOf(wwan.address())).toMatch(/^lingering/);
  expect(lab.host.endpoints().find(({ id }) => id === 77)).toEqual({
    address: eth.address(),
    dev: 'eth0',
    flags: ['signal'],
    id: 77,
  });
});

test('conflict ends at the next pass after the foreign endpoint was deleted', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  lab.host.ip(`mptcp endpoint add ${eth.address()} dev eth0 id 77 signal`);
  const daemon = await lab.daemon(RULES);
  expect(await daemon.stateOf(eth.address())).toMatch(/^conflict/);
  lab.host.ip('mptcp endpoint del id 77');
  // The kernel sends no event for a deleted endpoint, so another event must start the pass.
  await daemon.reload();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
});

test('foreign endpoints, routes and policy rules are left unchanged', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
  lab.host.ip(`route add 198.18.0.0/15 via ${eth.gateway()} table 8684`);
  lab.host.ip('rule add from 192.168.50.1 lookup 8684 priority 8684');
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  eth.deleteDefault();
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^lingering/);
  eth.deleteAddress();
  await daemon.stop();
  expect(lab.host.endpointTexts()).toContain('192.168.50.1  signal');
  expect(lab.host.rules(4, 'all')).toContainEqual(
    expect.objectContaining({ src: '192.168.50.1', priority: 8684 }),
  );
});

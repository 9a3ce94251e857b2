/** Open MPTCP connections; `ss` and `ip mptcp monitor` show their subflows. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe.each([4, 6] as const)('an open connection, IPv%i', (version) => {
  test('gets a subflow when an uplink appears and loses it when the uplink is gone', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0');
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    expect(connections.subflows()).toEqual([eth.address(version)]);
    const mptcp = await lab.monitor('mptcp');
    wwan.connect(version);
    await expect.poll(() => connections.subflows()).toEqual([eth.address(version), wwan.address(version)]);
    await expect
      .poll(() => mptcp.texts().join('\n'))
      .toMatch(new RegExp(`SF_ESTABLISHED.*saddr[46]=${wwan.address(version)} `));
    await connection.echo('with both');
    wwan.deleteDefault(version);
    await expect.poll(() => connections.subflows()).toEqual([eth.address(version)]);
    await connection.echo('with one');
  });

  test('moves to the modem when the cable is pulled, and back', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    await expect.poll(() => connections.subflows()).toHaveLength(2);
    eth.unplug();
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await connection.echo('by the modem');
    expect(connections.subflows()).toEqual([wwan.address(version)]);
    eth.plugIn();
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    await expect.poll(() => connections.subflows()).toContain(eth.address(version));
    await connection.echo('by the cable');
  });
});

test('every open connection gets a subflow', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0');
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  for (let count = 0; count < 20; count++) await connections.open(eth.address());
  wwan.connect();
  const by = (address: string): number => connections.subflows().filter((each) => each === address).length;
  await expect.poll(() => by(wwan.address())).toBe(20);
  wwan.unplug();
  await expect.poll(() => by(wwan.address())).toBe(0);
  expect(by(eth.address())).toBe(20);
});

test('a change of flags is signalled to the peer without a new subflow', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  lab.cable('wwan0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  await connections.open(eth.address());
  await expect.poll(() => connections.subflows()).toHaveLength(2);
  const far = await lab.monitorFar('mptcp');
  await daemon.reconfigure({ '*0': 'subflow' });
  await expect.poll(() => far.texts().join('\n')).toMatch(/SF_PRIO/);
  expect(far.texts().join('\n')).not.toMatch(/SF_(CLOSED|ESTABLISHED)/);
});

test('a server’s second address is announced, and a client with limits joins it', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const second = lab.cable('eth1');
  await lab.daemon({ 'eth*': 'signal' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  await connections.open(eth.address());
  const far = await lab.monitorFar('mptcp');
  second.connect();
  await expect.poll(() => far.texts().join('\n')).toMatch(new RegExp(`ANNOUNCED.*${second.address()}`));
});

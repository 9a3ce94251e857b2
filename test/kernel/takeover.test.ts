/** A daemon that starts again: after a crash, a kill, a restart, and with objects that other programs left. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe.each([4, 6] as const)('takeover after a kill, IPv%i', (version) => {
  test('keeps the objects in place unchanged', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    const first = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    const subflows = [eth.address(version), wwan.address(version)];
    await expect.poll(() => connections.subflows()).toEqual(subflows);
    await first.stop('SIGKILL');
    const before = lab.host.state();
    const routing = await lab.monitor('route', 'rule');
    const mptcp = await lab.monitor('mptcp');
    const second = await lab.daemon(RULES);
    expect(await second.stateOf(eth.address(version))).toMatch(/^active: ./);
    expect(await stays(() => lab.host.state())).toEqual(before);
    expect(routing.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
    expect(mptcp.texts()).toEqual([]);
    expect(connections.subflows()).toEqual(subflows);
    await connection.echo('as if nothing had been');
    // The new daemon can also remove what it took over.
    wwan.deleteDefault(version);
    await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
  });

  test('removes stale objects and adds missing ones', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0').connect(version);
    const first = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    await first.stop('SIGKILL');
    wwan.down();
    lab.host.ip(`-${version} rule del priority 8684 from ${eth.address(version)}`);
    const usb = lab.cable('wwan1').connect(version);
    await lab.daemon(RULES);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${eth.address(version)} eth0 subflow`, `${usb.address(version)} wwan1 subflow,backup`]);
    const sources = new Set(lab.host.rules(version).map(({ src }) => src));
    expect(sources).toEqual(new Set([eth.address(version), usb.address(version)]));
    expect(lab.host.ruleTexts(version).filter((words) => words.startsWith('8684'))).toHaveLength(2);
  });
});

test('takeover: routes and policy rules with protocol 86 that no journal has are removed', async ({
  lab,
}) => {
  const eth = lab.cable('eth0').connect();
  lab.host.ip(`route add 198.18.0.0/15 via ${eth.gateway()} table 86840099 proto 86`);
  lab.host.ip('rule add from 192.168.50.1 lookup 86840099 priority 8684 proto 86');
  lab.host.ip('-6 rule add from 2700::1 lookup 86840099 priority 8684 proto 86');
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  expect(lab.host.routes().filter(({ table }) => table === '86840099')).toEqual([]);
  expect(lab.host.rules(4).filter(({ src }) => src === '192.168.50.1')).toEqual([]);
  expect(lab.host.rules(6)).toEqual([]);
});

describe('a journal', () => {
  test.for(['boot', 'namespace'])('of another %s owns nothing', async (what, { lab }) => {
    const eth = lab.cable('eth0').connect();
    const first = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await first.stop();
    const path = lab.host.journal();
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), [what]: 'another' }));
    const before = lab.host.endpoints();
    const second = await lab.daemon(RULES);
    expect(await second.stateOf(eth.address())).toMatch(/^conflict: ./);
    eth.deleteAddress();
    await stays(() => lab.host.endpoints());
    expect(lab.host.endpoints()).toEqual(before);
    const { code } = await second.command('flush', '--force');
    expect(code).toBe(0);
    expect(lab.host.endpoints()).toEqual(before);
  });

  test('that is damaged owns nothing, and the daemon starts', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const first = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await first.stop();
    writeFileSync(lab.host.journal(), '{"version":1,"boot":');
    const before = lab.host.endpoints();
    const second = await lab.daemon(RULES);
    expect(await second.stateOf(eth.address())).toMatch(/^conflict: ./);
    expect(lab.host.endpoints()).toEqual(before);
  });

  test('no longer owns an endpoint that another program replaced under the same id', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const first = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await first.stop();
    const id = lab.host.endpoints()[0]?.id;
    lab.host.ip(`mptcp endpoint del id ${id}`);
    lab.host.ip(`mptcp endpoint add 192.168.50.1 id ${id} signal`);
    const second = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpointTexts()).toContain(`${eth.address()} eth0 subflow`);
    await second.command('flush', '--force');
    expect(lab.host.endpointTexts()).toEqual(['192.168.50.1  signal']);
  });
});

test('takeover with other rules applies the difference only', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect();
  const first = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  await first.stop();
  const [before] = lab.host.endpoints();
  await lab.daemon({ 'eth*': 'subflow', 'wwan*': 'ignore' });
  await expect.poll(() => lab.host.endpoints()).toEqual([before]);
  expect(new Set(lab.host.rules().map(({ src }) => src))).toEqual(new Set([eth.address()]));
  expect(lab.host.routes().map(({ dev }) => dev)).not.toContain(wwan.device);
});

test('flush removes every route with protocol 86 from any table', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  // In a table that the daemon has no reason to read.
  lab.host.ip(`route add 198.51.100.0/24 via ${eth.gateway()} dev eth0 table 4711 proto 86`);
  await daemon.command('flush', '--force');
  expect(lab.host.routeTexts()).toEqual([]);
});

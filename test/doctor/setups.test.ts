/** Five broken set-ups: doctor finds the fault, the printed command fixes it, and the path works. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { FindingDocument as Finding } from '../../src/doctor/finding.ts';
import { mptcpSocket } from '../../src/system/addon.ts';
import { command, MAIN } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { cured, diagnosed, found, obey, visit, withEtc } from './visit.ts';

const GREETER = { host: '10.98.0.1', port: 7022 };

/** A server that sends first, as SSH's does; further subflows are established after the first bytes. */
async function greeter({ provider }: Lab): Promise<{ close(): void }> {
  provider.ip(`address add ${GREETER.host}/32 dev lo`);
  provider.ip('mptcp limits set subflows 8 add_addr_accepted 8');
  const fd = mptcpSocket('ipv4', {
    netns: provider.path,
    listen: { address: GREETER.host, port: GREETER.port },
  });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('hello\n');
  });
  server.listen({ fd });
  await once(server, 'listening');
  return server;
}

const explained = async (lab: Lab, name: string): Promise<string> =>
  (await command(lab.host, ['explain', name])).stdout;

test('no default route', async ({ lab }) => {
  const cable = lab.cable('eth0').up().addAddress();
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  const id = `uplink:eth0:${cable.address()}`;
  expect(await explained(lab, 'eth0')).toContain('no default route');
  const finding = await diagnosed(lab, daemon, id);
  expect(finding.text).toContain('guess');
  obey(lab, finding);
  await cured(lab, daemon, id);
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
  expect(lab.host.endpointTexts()).toEqual([`${cable.address()} eth0 subflow`]);
});

test('no default route: the command has the last known gateway', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  const daemon = await lab.daemon({ eth0: 'subflow' });
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
  cable.deleteDefault();
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^lingering/);
  const finding = await diagnosed(lab, daemon, `uplink:eth0:${cable.address()}`);
  expect(finding.command).toContain(`via ${cable.gateway()}`);
  expect(finding.text).not.toContain('guess');
  obey(lab, finding);
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
});

test('probes that the kernel refuses', async ({ lab, skip }) => {
  // The sysctl has the default of the kernel, which names groups that a user namespace does not map.
  if (!readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')) skip('only root has the sysctl');
  const [eth, wwan] = [await lab.line('eth0'), await lab.line('wwan0')];
  for (const { cable } of [eth, wwan]) cable.connect();
  lab.provider.ip('address add 203.0.113.9/32 dev lo');
  const probe = { track: '203.0.113.9', interval: '1s', timeout: '300ms', up: 1, down: 2 };
  const rules = { eth0: 'subflow', wwan0: 'subflow' };
  const daemon = await lab.daemon(JSON.stringify({ rules, health: { probe } }));
  await expect.poll(() => daemon.log).toContain('a probe could not be sent and does not count');
  await eth.cut('ip');
  obey(lab, await diagnosed(lab, daemon, 'ping-group-range'));
  await cured(lab, daemon, 'ping-group-range');
  await expect.poll(() => daemon.stateOf('eth0'), { timeout: 20_000 }).toMatch(/^suspect/);
});

test('a rule shadowed by an earlier one', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  const rules = `rules:
  "e*": ignore     # what is not named below
  # The cable to the provider.
  eth0:
    flags: [subflow, backup]
    routing: policy
  "wwan*": subflow
limits: auto
`;
  const daemon = await lab.daemon(rules);
  expect(await explained(lab, 'eth0')).toContain('ignore');
  const finding = await diagnosed(lab, daemon, 'rule-shadowed:eth0');
  expect(finding.text).toContain('"e*"');
  obey(lab, finding);
  expect(readFileSync(daemon.config, 'utf8')).toContain('# The cable to the provider.');
  await cured(lab, daemon, 'rule-shadowed:eth0');
  await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
  expect(lab.host.endpointTexts()).toEqual([`${cable.address()} eth0 subflow,backup`]);
});

test('rp_filter strict with routing: main', async ({ lab }) => {
  const [first, second] = [lab.cable('eth0').connect(), lab.cable('eth1').connect()];
  lab.host.sysctl('net.ipv4.conf.all.rp_filter', 0);
  lab.host.sysctl('net.ipv4.conf.eth1.rp_filter', 1);
  const server = await greeter(lab);
  const daemon = await lab.daemon({ eth0: 'subflow', eth1: { flags: 'subflow', routing: 'main' } });
  await expect.poll(() => daemon.stateOf(second.address())).toMatch(/^active/);
  const peer = ['--peer', `${GREETER.host}:${GREETER.port}`];
  const before = await visit(lab, daemon, ...peer);
  expect(found(before, `peer:eth0:${first.address()}`)).toMatchObject({ severity: 'warning' });
  expect(found(before, `peer:eth1:${second.address()}`)).toMatchObject({ severity: 'warning' });
  const finding = await diagnosed(lab, daemon, 'reverse-path:eth1');
  obey(lab, finding);
  await cured(lab, daemon, 'reverse-path:eth1');
  const after = await visit(lab, daemon, ...peer);
  for (const [name, cable] of [
    ['eth0', first],
    ['eth1', second],
  ] as const)
    expect(found(after, `peer:${name}:${cable.address()}`)).toMatchObject({
      severity: 'ok',
      text: expect.stringMatching(/MPTCP, with subflows from .*, /),
    });
  server.close();
});

test('NetworkManager overwriting flags', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  lab.host.ip(`mptcp endpoint add ${cable.address()} dev eth0 signal`);
  const etc = join(lab.folder, 'private-etc');
  mkdirSync(join(etc, 'NetworkManager'), { recursive: true });
  writeFileSync(
    join(etc, 'NetworkManager', 'NetworkManager.conf'),
    '[main]\nplugins=keyfile\n\n[connection]\nconnection.mptcp-flags=0x12\n',
  );
  const daemon = await lab.daemon({ eth0: 'subflow backup' });
  const doctor = (): Finding[] => {
    const run = `${process.execPath} ${MAIN} doctor --json --config ${daemon.config} || true`;
    return (JSON.parse(withEtc(lab, etc, run)) as { findings: Finding[] }).findings;
  };
  const ids = ['networkmanager', `uplink:eth0:${cable.address()}`];
  const bad = (): Finding[] =>
    doctor().filter(({ id, severity }) => ids.includes(id) && ['warning', 'fault'].includes(severity));
  expect(
    bad()
      .map(({ id }) => id)
      .sort(),
  ).toEqual(ids);
  const own = `${process.execPath} ${MAIN} `;
  for (const { command: text } of bad())
    withEtc(lab, etc, text!.replaceAll(/(?<=^|[;&] *)multihomed /g, own));
  // The kernel sends no event for a deleted endpoint; the daemon polls every 30 s.
  await expect
    .poll(() => daemon.stateOf(cable.address()), { timeout: 120_000, interval: 500 })
    .toMatch(/^active/);
  expect(bad()).toEqual([]);
  expect(lab.host.endpointTexts()).toEqual([`${cable.address()} eth0 subflow,backup`]);
});

for (const [how, limits] of [
  ['left alone', 'leave'],
  ['given as numbers', '{ subflows: 0 }'],
])
  test(`limits too low, ${how}`, async ({ lab }) => {
    const cables = [lab.cable('eth0').connect(), lab.cable('eth1').connect()];
    lab.host.ip('mptcp limits set subflows 0 add_addr_accepted 0');
    const daemon = await lab.daemon(`rules:\n  "eth*": subflow\nlimits: ${limits}\n`);
    for (const cable of cables) await expect.poll(() => daemon.stateOf(cable.address())).toMatch(/^active/);
    const finding = await diagnosed(lab, daemon, 'limits');
    obey(lab, finding);
    await cured(lab, daemon, 'limits');
    const connections = await lab.connections();
    await connections.open();
    await expect.poll(() => connections.subflows()).toEqual(cables.map((cable) => cable.address()));
  });

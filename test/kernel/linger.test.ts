/** The last path of a family stays in place when it goes down. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import type { Cable } from '../support/cable.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Version } from '../support/netns.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

const LOSSES: [
  string,
  (lab: Lab, eth: Cable, version: Version) => void,
  back: (eth: Cable, version: Version) => void,
][] = [
  ['carrier', (_, eth) => void eth.unplug(), (eth) => void eth.plugIn()],
  [
    'link',
    (_, eth) => void eth.down(),
    (eth, version) => {
      eth.up();
      if (version === 6) eth.addAddress(6);
      eth.addDefault(version);
    },
  ],
  [
    'default route',
    (_, eth, version) => void eth.deleteDefault(version),
    (eth, version) => void eth.addDefault(version),
  ],
  [
    'address',
    (_, eth, version) => void eth.deleteAddress(version),
    (eth, version) => {
      eth.addAddress(version);
      if (version === 4) eth.addDefault(4);
    },
  ],
];

describe.each([4, 6] as const)('the last endpoint lingers, IPv%i', (version) => {
  test.for(LOSSES)('%s is lost and back', async ([, lose, back], { lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    lose(lab, eth, version);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^lingering: ./);
    expect(await stays(() => lab.host.endpoints())).toEqual(before);
    back(eth, version);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^active: ./);
    // The same id shows that the endpoint was not touched.
    expect(lab.host.endpoints()).toEqual(before);
    await expect
      .poll(() => lab.host.leaves(version === 4 ? '203.0.113.9' : '2600::9', eth.address(version)))
      .toBe(`eth0 via ${eth.gateway(version)}`);
    expect(lab.host.routes(version)).toHaveLength(2);
  });

  test('after its rule is removed: traffic stays on its own link despite a better default route', async ({
    lab,
  }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    await daemon.reconfigure({ 'eth*': 'ignore' });
    lab.cable('wlan0').connect(version, 5);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^lingering/);
    expect(
      await stays(() => lab.host.leaves(version === 4 ? '203.0.113.9' : '2600::9', eth.address(version))),
    ).toBe(`eth0 via ${eth.gateway(version)}`);
    await connection.echo('still by its own link');
  });

  test('after its address moved to another link: its policy rules are removed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    lab.host.ip('link add br0 type bridge');
    lab.host.ip('link set br0 up');
    eth.deleteAddress(version);
    lab.host.ip('link set eth0 master br0');
    lab.host.ip(`address add ${eth.prefixed(version)} dev br0${version === 6 ? ' nodad' : ''}`);
    lab.host.ip(`-${version} route replace default via ${eth.gateway(version)} dev br0 metric 100`);
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^lingering: the address is gone/);
    await expect
      .poll(() => lab.host.leaves(version === 4 ? '203.0.113.9' : '2600::9', eth.address(version)))
      .toBe(`br0 via ${eth.gateway(version)}`);
    await expect.poll(() => [...lab.host.rules(version), ...lab.host.routes(version)]).toEqual([]);
    expect(lab.host.endpoints()).toEqual(before);
  });

  test('after its rule is removed: a gateway that changes is followed', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.endpoints();
    const connections = await lab.connections(version);
    await connections.open(eth.address(version));
    await daemon.reconfigure({ 'other*': 'subflow' });
    await expect.poll(() => daemon.stateOf(eth.address(version))).toMatch(/^lingering: no rule selects/);
    lab.host.ip(
      `-${version} route replace default via ${eth.gateway(version, 9)} dev eth0 metric ${100 * eth.network}`,
    );
    await expect
      .poll(() => lab.host.leaves(version === 4 ? '203.0.113.9' : '2600::9', eth.address(version)))
      .toBe(`eth0 via ${eth.gateway(version, 9)}`);
    expect(await stays(() => lab.host.endpoints())).toEqual(before);
  });

  test('until another is active: the new endpoint is added first', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const wwan = lab.cable('wwan0');
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    eth.unplug();
    await stays(() => lab.host.endpointTexts(), 1_200);
    const mptcp = await lab.monitor('mptcp');
    wwan.connect(version);
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${wwan.address(version)} wwan0 subflow,backup`]);
    const calls = (): string[] =>
      mptcp.texts().flatMap((text) => /SF_ESTABLISHED|SF_CLOSED/.exec(text)?.[0] ?? []);
    await expect.poll(calls).toEqual(['SF_ESTABLISHED', 'SF_CLOSED']);
    await connection.echo('by the new one');
    expect(connections.subflows()).toEqual([wwan.address(version)]);
    await expect
      .poll(() => lab.host.rules(version).map(({ src }) => src))
      .not.toContain(eth.address(version));
  });
});

describe('a rule that is removed', () => {
  test.for(['subflow', 'signal'])('removes its endpoint: %s', async (flag, { lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon({ 'eth*': flag });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await daemon.reconfigure({ 'other*': 'subflow' });
    await expect
      .poll(() => [...lab.host.endpoints(), ...lab.host.rules(4), ...lab.host.routes(4)])
      .toEqual([]);
  });

  test('keeps its endpoint while connections are open, and status counts them', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections();
    const connection = await connections.open(eth.address());
    await daemon.reconfigure({ 'eth*': 'ignore' });
    const [endpoint] = lab.host.endpoints();
    await expect
      .poll(() => daemon.stateOf(eth.address()))
      .toMatch(
        new RegExp(`^lingering: .* 1 open connection; .*multihomed endpoint delete id ${endpoint?.id}`),
      );
    await connection.echo('still here');
    await connections.end();
    await expect
      .poll(() => [...lab.host.endpoints(), ...lab.host.rules(4), ...lab.host.routes(4)])
      .toEqual([]);
  });
});

test('IPv4 and IPv6 linger independently', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').connect(6);
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const before = lab.host.endpoints();
  eth.deleteDefault();
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^lingering: ./);
  wwan.deleteDefault(6);
  await expect.poll(() => daemon.stateOf(wwan.address(6))).toMatch(/^lingering: ./);
  expect(lab.host.endpoints()).toEqual(before);
});

test('all uplinks lost at once: the endpoint of the last active one lingers', async ({ lab }) => {
  const [eth, wwan] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  eth.deleteDefault();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${wwan.address()} wwan0 subflow,backup`]);
  wwan.deleteDefault();
  await stays(() => lab.host.endpointTexts());
  eth.addDefault();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
});

test('a connection survives without a path for longer than close_timeout', async ({ lab, skip }) => {
  // 6.1 has no such sysctl.
  skip(!existsSync('/proc/sys/net/mptcp/close_timeout'), 'this kernel has no net.mptcp.close_timeout');
  lab.host.sysctl('net.mptcp.close_timeout', 2);
  const eth = lab.cable('eth0').connect();
  await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  const connection = await connections.open(eth.address());
  eth.unplug();
  connection.send('sent without a path');
  await stays(() => lab.host.endpointTexts(), 6_000);
  eth.plugIn();
  await connection.receives('sent without a path');
  expect(connection.error).toBeNull();
  await connection.echo('and on');
});

test('an endpoint is restored if the kernel refuses its replacement', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  const connection = await connections.open();
  const taken = await listener(lab, 4433);
  await daemon.reconfigure({ 'eth*': { flags: 'signal', port: 4433 } });
  await expect
    .poll(() => daemon.stateOf(eth.address()))
    .toMatch(/^active: its endpoint could not be changed .* at the next reload: .*EADDRINUSE/);
  // Longer than the delay before a failed change is retried.
  expect(await stays(() => lab.host.endpointTexts(), 6_000)).toEqual([`${eth.address()} eth0 subflow`]);
  expect(daemon.changes().filter((change) => change === 'endpoint delete')).toHaveLength(1);
  await connection.echo('still here');
  taken.kill();
  await once(taken, 'exit');
  await daemon.reload();
  await expect.poll(() => lab.host.endpoints()[0]?.port).toBe(4433);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active: default route/);
});

/** Starts another program that listens on this port of every address. */
async function listener(lab: Lab, port: number): Promise<ChildProcess> {
  const program = `import socket, time; s = socket.create_server(("", ${port})); print("listens", flush=True); time.sleep(60)`;
  const child = lab.host.spawn('python3', ['-c', program]);
  await once(child.stdout!, 'data');
  return child;
}

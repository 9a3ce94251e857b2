/** Subflows that are reset while others use the same uplink; `ip` and `ss` are the oracle. */
import { expect } from 'vitest';
import type { Connection } from '../support/connections.ts';
import { test, type Lab } from '../support/lab.ts';

/** The local ports of the host's established subflows from an address. */
const ports = (lab: Lab, address: string): string[] =>
  lab.host
    .sh(`ss -tnH state established src [${address}]`)
    .split('\n')
    .flatMap((line) => line.match(/:(\d+)\s/)?.[1] ?? [])
    .sort();

/** Resets one subflow from the server's side, as a NAT that has forgotten it would. */
const reset = (lab: Lab, address: string, port: string): string =>
  lab.provider.sh(`ss -K dst [${address}] and dport = :${port}`);

for (const { version, count } of [
  { version: 4, count: 8 },
  { version: 6, count: 8 },
  { version: 4, count: 101 },
] as const)
  test(`a reset IPv${version} subflow comes back beside those of ${count - 1} connections, which are untouched`, async ({
    lab,
  }) => {
    const devices = ['eth0', 'wwan0', 'usb0'];
    const [eth, wwan] = devices.map((device) => lab.cable(device).connect(version));
    const rules = { eth0: 'subflow', wwan0: 'subflow backup', usb0: 'subflow' };
    await lab.daemon(rules);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(devices.length);
    const connections = await lab.connections(version);
    const open = (): Promise<Connection> => connections.open(eth!.address(version));
    const opened = await Promise.all(Array.from({ length: count }, open));
    const address = wwan!.address(version);
    await expect.poll(() => connections.subflows()).toHaveLength(devices.length * count);
    const [before, endpoints, limits] = [
      ports(lab, address),
      lab.host.endpoints(),
      lab.host.ip('mptcp limits'),
    ];
    const mptcp = await lab.monitor('mptcp');
    reset(lab, address, before[0]!);
    const began = performance.now();
    // The others are the same sockets, and no connection has a second subflow there.
    await expect
      .poll(
        () => {
          const now = ports(lab, address);
          return [now.length, before.filter((port) => !now.includes(port))];
        },
        { timeout: 20_000 },
      )
      .toEqual([count, [before[0]]]);
    console.log(`subflow back ${Math.round(performance.now() - began)} ms after the reset`);
    await expect
      .poll(() => mptcp.texts().filter((text) => text.includes('SF_CLOSED')))
      .toEqual([expect.stringContaining(`sport=${before[0]}`)]);
    await expect.poll(() => mptcp.texts().filter((text) => text.includes('SF_ESTABLISHED'))).toHaveLength(1);
    // It is a backup like the others.
    const flags = lab.host.sh(`ss -tniH state established src [${address}]`).match(/flags:\w*b\w*/gi);
    expect(flags).toEqual(Array(count).fill(flags![0]));
    // The subflow may be established before the last request of its try.
    await expect.poll(() => [lab.host.endpoints(), lab.host.ip('mptcp limits')]).toEqual([endpoints, limits]);
    await Promise.all(opened.map((connection) => connection.echo('still there')));
  });

test('after the first subflow of a connection came back, its second one comes back too', async ({ lab }) => {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  await lab.daemon({ eth0: 'subflow', wwan0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(2);
  const [first] = ports(lab, '10.1.0.2');
  const [second] = ports(lab, '10.2.0.2');
  reset(lab, '10.1.0.2', first!);
  // No other connection uses the uplink: the kernel joins again, with identifier 0.
  await expect
    .poll(() => ports(lab, '10.1.0.2'), { timeout: 20_000 })
    .toEqual([expect.not.stringMatching(`^${first}$`)]);
  const other = await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  reset(lab, '10.2.0.2', second!);
  await expect.poll(() => ports(lab, '10.2.0.2')).not.toContain(second);
  await expect.poll(() => ports(lab, '10.2.0.2'), { timeout: 20_000 }).toHaveLength(2);
  await other.echo('still there');
});

test('a connection that has lost all of its subflows gets them again', async ({ lab }) => {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  await lab.daemon({ eth0: 'subflow', wwan0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  const opened = [await connections.open('10.1.0.2'), await connections.open('10.1.0.2')];
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  const all = (): string[] => ['10.1.0.2', '10.2.0.2'].flatMap((address) => ports(lab, address));
  const before = all();
  // By one command: the daemon opens new ones 100 ms after the first has closed, perhaps before `ss` shows none.
  lab.provider.sh("ss -K '( dst 10.1.0.2 or dst 10.2.0.2 )'");
  await expect
    .poll(() => [all().filter((port) => before.includes(port)), connections.subflows()], { timeout: 20_000 })
    .toEqual([[], ['10.1.0.2', '10.1.0.2', '10.2.0.2', '10.2.0.2']]);
  for (const connection of opened) await connection.echo('still there');
});

test('a connection that loses its last subflow with a cable gets one on the uplink that is left', async ({
  lab,
}) => {
  const [eth] = ['eth0', 'wwan0'].map((device) => lab.cable(device).connect());
  await lab.daemon({ eth0: 'subflow', wwan0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  const opened = [await connections.open('10.1.0.2'), await connections.open('10.1.0.2')];
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  lab.provider.sh('ss -K dst 10.2.0.2');
  eth!.unplug();
  await expect.poll(() => connections.subflows(), { timeout: 20_000 }).toEqual(['10.2.0.2', '10.2.0.2']);
  for (const connection of opened) await connection.echo('by the other');
  eth!.plugIn();
  await expect
    .poll(() => connections.subflows(), { timeout: 20_000 })
    .toEqual(['10.1.0.2', '10.1.0.2', '10.2.0.2', '10.2.0.2']);
});

test('a subflow that is closing on a lost link costs no other connection a subflow', async ({ lab }) => {
  const devices = ['eth0', 'wwan0', 'usb0'];
  for (const device of devices) lab.cable(device).connect();
  await lab.daemon({ eth0: 'subflow', wwan0: 'subflow', usb0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
  const connections = await lab.connections();
  for (let count = 0; count < 2; count++) await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(6);
  lab.host.ip('link delete usb0');
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  expect(lab.host.sh('ss -tnH state fin-wait-1')).toContain('10.3.0.2');
  const mptcp = await lab.monitor('mptcp');
  const [port] = ports(lab, '10.2.0.2');
  reset(lab, '10.2.0.2', port!);
  await expect.poll(() => ports(lab, '10.2.0.2')).not.toContain(port);
  await expect.poll(() => ports(lab, '10.2.0.2'), { timeout: 20_000 }).toHaveLength(2);
  // Longer than duplicates live.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  expect(mptcp.texts().filter((text) => text.includes('SF_'))).toEqual([
    expect.stringMatching(`SF_CLOSED.*sport=${port} `),
    expect.stringContaining('SF_ESTABLISHED'),
  ]);
});

test('connections with fewer subflows do not keep a duplicate', async ({ lab }) => {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  await lab.daemon({ eth0: 'subflow', wwan0: 'subflow', usb0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  const few = await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(2);
  // The first subflow of this one is on the uplink that has the second subflow of the other.
  const first = await connections.open('10.2.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  const lost = ports(lab, '10.2.0.2');
  for (const port of lost) {
    reset(lab, '10.2.0.2', port);
    await expect.poll(() => ports(lab, '10.2.0.2')).not.toContain(port);
    await expect.poll(() => ports(lab, '10.2.0.2'), { timeout: 20_000 }).toHaveLength(2);
    // Longer than duplicates live.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(connections.subflows()).toEqual(['10.1.0.2', '10.1.0.2', '10.2.0.2', '10.2.0.2']);
  }
  await few.echo('still there');
  await first.echo('still there');
});

test('without a free slot, status and explain say why a lost subflow is not opened again', async ({
  lab,
}) => {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  const daemon = await lab.daemon({ eth0: 'subflow', wwan0: 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  for (let count = 0; count < 2; count++) await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  const added = [1, 2, 3, 4, 5, 6].map((n) => `192.0.2.${n}`);
  for (const address of added) lab.host.ip(`mptcp endpoint add ${address} signal`);
  reset(lab, '10.2.0.2', ports(lab, '10.2.0.2')[0]!);
  const status = async (): Promise<string> => (await daemon.command('status', '-v')).stdout;
  await expect
    .poll(status, { timeout: 20_000, interval: 300 })
    .toContain('not opened again: the kernel has no free slot for an endpoint');
  expect((await daemon.command('explain', 'wwan0')).stdout.replaceAll(/\s+/g, ' ')).toContain(
    'not opened again',
  );
  expect((await daemon.uplink('10.2.0.2'))?.subflows).toMatchObject({ obstacle: 'no-free-slot' });
  for (const { id, address } of lab.host.endpoints())
    if (added.includes(address)) lab.host.ip(`mptcp endpoint delete id ${id}`);
  await expect.poll(() => ports(lab, '10.2.0.2'), { timeout: 20_000 }).toHaveLength(2);
  expect(await status()).not.toContain('not opened again');
});

/** A default route that is deleted and added again, or a lease that a real DHCP client renews, changes nothing. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { isWholeRoot } from '../hooks/scripts.ts';
import { missing } from '../support/programs.ts';
import { test as withFiles, type HostFiles } from '../support/host-files.ts';
import { test, type Lab } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow' };

const closed = (texts: readonly string[]): string[] => texts.filter((text) => text.includes('SF_CLOSED'));

describe.each([4, 6] as const)('a default route that is deleted and added again, IPv%i', (version) => {
  test.for([
    ['in main', ''],
    ['in the table of a policy rule of the host', 'table 77 '],
  ])('%s: endpoint and subflow are kept', async ([, table], { lab }) => {
    const eth = lab.cable('eth0').connect(version);
    lab.cable('wwan0').connect(version);
    const route = `default via ${eth.gateway(version)} dev eth0 metric 100`;
    if (table) {
      lab.host.ip(`-${version} route add ${table}${route}`);
      lab.host.ip(`-${version} rule add from ${eth.address(version)} lookup 77`);
      lab.host.ip(`-${version} route del ${route}`);
    }
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connections = await lab.connections(version);
    const connection = await connections.open(eth.address(version));
    const before = lab.host.state();
    const mptcp = await lab.monitor('mptcp');
    const log = daemon.log;
    for (let i = 0; i < 10; i++) {
      // Busybox's sample script for udhcpc does the same. One process does both, so that a busy host adds no time.
      lab.host.sh(
        `printf 'route %s\\n' 'del ${table}${route}' 'add ${table}${route}' | ip -${version} -batch -`,
      );
      await sleep(50);
    }
    await connection.echo('by the same subflow');
    await daemon.status();
    expect(lab.host.state()).toEqual(before);
    expect(closed(mptcp.texts())).toEqual([]);
    expect(daemon.log).toBe(log);
  });

  test('not added again: the uplink is lost', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    lab.cable('wwan0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    eth.deleteDefault(version);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    expect(await daemon.stateOf(eth.address(version))).toMatch(/^no default route: /);
  });
});

/** Arguments, and the signal that makes it renew; null when it renews at the time that the server sets. */
const CLIENTS: readonly (readonly [string, string, readonly string[], NodeJS.Signals | null])[] = [
  ['udhcpc', 'udhcpc', ['-f', '-i', 'eth0'], 'SIGUSR1'],
  [
    'dhclient',
    'isc-dhcp-client',
    ['-4', '-d', '-lf', '/run/dhclient.leases', '-pf', '/run/dhclient.pid', 'eth0'],
    null,
  ],
  ['dhcpcd', 'dhcpcd-base', ['-4', '-B', '--noarp', 'eth0'], null],
];

describe.each(CLIENTS)('a lease that is renewed by %s', (client, debianPackage, args, renew) => {
  const unprivileged =
    client === 'dhcpcd' && !isWholeRoot() ? 'root must be able to become other users' : null;
  const lacks = unprivileged ?? missing({ [client]: debianPackage, dnsmasq: 'dnsmasq-base' });
  if (lacks !== null) console.log(`A lease of ${client} is not tested: ${lacks}.`);

  withFiles.skipIf(lacks !== null)('changes nothing', async ({ lab, files }) => {
    lab.cable('eth0').up();
    lab.cable('wwan0').connect(4, 9_000);
    const server = serve(lab);
    const { child, log } = await start(files, client, args);
    try {
      await expect.poll(() => lab.host.ip('-4 route show default dev eth0')).toContain('default');
      await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      const [own] = lab.host.endpoints().filter(({ dev }) => dev === 'eth0');
      const connections = await lab.connections();
      const connection = await connections.open(own!.address);
      const before = lab.host.state();
      const [mptcp, routing] = [await lab.monitor('mptcp'), await lab.monitor('route', 'rule')];
      for (let times = 0; times < 2; times++) {
        const acknowledged = server.acknowledged();
        const obtained = leases(log());
        if (renew) child.kill(renew);
        await expect.poll(server.acknowledged).toBeGreaterThan(acknowledged);
        // Time for the client's script to finish.
        if (!renew) await sleep(500);
        else {
          // A second signal before the lease is renewed would make udhcpc give it up.
          await expect.poll(() => leases(log())).toBeGreaterThan(obtained);
          await expect.poll(() => childrenOf(child)).toBe('');
        }
      }
      await connection.echo('by the same subflow');
      expect(lab.host.endpoints(), log()).toEqual((before as { endpoints: unknown }).endpoints);
      expect(lab.host.state()).toEqual(before);
      expect(closed(mptcp.texts())).toEqual([]);
      expect(routing.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
    } finally {
      for (const each of [child, server.child]) {
        const ended = once(each, 'exit');
        each.kill('SIGTERM');
        await ended;
      }
    }
  });
});

/**
 * Starts Debian's dnsmasq at the far end of the first cable. Clients that follow its times renew every three seconds.
 */
function serve(lab: Lab) {
  const child = lab.provider.spawn('dnsmasq', [
    ...['--conf-file=/dev/null', '--port=0', '--no-ping', '--interface=to-eth0', '--bind-interfaces'],
    ...['--dhcp-range=10.1.0.50,10.1.0.60,255.255.255.0,1h', '--dhcp-authoritative', '--no-daemon'],
    ...['--dhcp-option-force=option:T1,3', '--dhcp-option-force=option:T2,3000', '--log-dhcp'],
    ...[`--dhcp-leasefile=${lab.folder}/leases`, `--pid-file=${lab.folder}/dnsmasq.pid`],
  ]);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  return { child, acknowledged: (): number => log.split('DHCPACK(').length - 1 };
}

async function start(files: HostFiles, client: string, args: readonly string[]) {
  // Otherwise the client would keep its leases on the host.
  await files.shell('[ ! -d /var/lib/dhcpcd ] || mount -t tmpfs tmpfs /var/lib/dhcpcd');
  const child = files.spawn(client, args);
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.stdin?.end();
  return { child, log: (): string => log };
}

/** How many leases udhcpc has obtained or renewed. */
const leases = (log: string): number => log.split(' obtained from ').length - 1;

/** The processes that a process has started, as its DHCP client's script; empty: none is running. */
const childrenOf = ({ pid }: ChildProcess): string =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();

/** Joins that fail on an otherwise correct uplink; status, explain and doctor report them. */
import { expect } from 'vitest';
import { missing } from '../support/programs.ts';
import { test, type Lab } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow' };

const lacks = missing({ nft: 'nftables' });
if (lacks !== null) console.log(`Firewall marks are not tested: ${lacks}.`);

/** As mwan3 does, marks the host's packets for the first link. On the other link, the peer seems to be a neighbour. */
function markForFirst(lab: Lab): void {
  const eth = lab.cable('eth0').connect();
  lab.cable('wwan0').connect();
  lab.host.ip(`route add default via ${eth.gateway()} dev eth0 table 1`);
  lab.host.ip('rule add pref 2001 fwmark 0x100/0x3f00 lookup 1');
  lab.host.ip('rule add pref 3001 fwmark 0x100/0x3f00 unreachable');
  lab.host.sh(`nft '
    add table ip marks
    add chain ip marks output { type route hook output priority mangle; }
    add rule ip marks output ip daddr 10.99.0.1 meta mark set 0x100'`);
  lab.provider.sysctl('net.ipv4.conf.all.arp_ignore', 1);
}

test.skipIf(lacks !== null)(
  'status counts failed joins whose packets a firewall mark sends elsewhere',
  async ({ lab }) => {
    markForFirst(lab);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connections = await lab.connections();
    const began = Date.now();
    const connection = await connections.open();
    await expect
      .poll(() => daemon.stateOf('wwan0'), { timeout: 60_000 })
      .toMatch(
        /^active: default route through 10\.2\.0\.1, but \d+ joins? failed since the last success: EHOSTUNREACH; packets to 10\.99\.0\.1 are not sent to the gateway: a firewall of this host may mark them$/,
      );
    const uplink = await daemon.uplink('10.2.0.2');
    // The daemon has the kernel join again, so more than one may have failed.
    const { failed } = uplink!.subflows!;
    expect(failed).toBeGreaterThan(0);
    expect(uplink?.subflows).toMatchObject({
      ...{ established: 0, failing: failed, lastFailure: { errno: 'EHOSTUNREACH' } },
    });
    expect(uplink?.subflows?.lastFailure?.time).toBeGreaterThan(began);
    expect(uplink?.misrouted?.destination).toBe('10.99.0.1');
    expect(uplink?.misrouted?.time).toBeGreaterThan(began);
    const other = await daemon.uplink('10.1.0.2');
    expect(other).toMatchObject({ subflows: { failed: 0, lastFailure: null }, misrouted: null });
    const explained = await daemon.command('explain', 'wwan0');
    expect(explained.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /joins \d+ joins? failed since the last success: EHOSTUNREACH .* packets packets to 10\.99\.0\.1 are not sent to the gateway.* exempt packets/,
    );
    const doctor = await daemon.command('doctor', '--config', daemon.config);
    expect(doctor.stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /wwan0 10\.2\.0\.2 is active, but \d+ joins? failed.*EHOSTUNREACH.*; packets to 10\.99\.0\.1 are not sent to the gateway.* firewall marks \(2001, 3001\)/,
    );
    await connection.echo('by the other');
  },
);

test.skipIf(lacks !== null)('status counts refused joins until one is established', async ({ lab }) => {
  lab.cable('eth0').connect();
  lab.cable('wwan0').connect();
  lab.provider.sh(`nft '
    add table ip refuse
    add chain ip refuse input { type filter hook input priority filter; }
    add rule ip refuse input iifname "to-wwan0" ip protocol tcp reject with icmp type host-unreachable'`);
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  for (let count = 1; count <= 3; count++) {
    await connections.open('10.1.0.2');
    await expect
      .poll(async () => (await daemon.uplink('10.2.0.2'))?.subflows?.failing, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(count);
  }
  expect(await daemon.stateOf('wwan0')).toMatch(
    /, but \d+ joins? failed since the last success: EHOSTUNREACH$/,
  );
  lab.provider.sh('nft delete table ip refuse');
  await connections.open('10.1.0.2');
  await expect.poll(() => daemon.stateOf('wwan0')).toBe('active: default route through 10.2.0.1');
  // The earlier connections get their lost subflows, too.
  const subflows = (await daemon.uplink('10.2.0.2'))?.subflows;
  expect(subflows?.established).toBeGreaterThan(0);
  expect(subflows?.failed).toBeGreaterThanOrEqual(3);
});

/** VPN tunnels for some networks: no subflow to these networks leaves outside the tunnel. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { openByRoute, PORT } from '../support/connections.ts';
import { missing } from '../support/programs.ts';
import { test, type Lab } from '../support/lab.ts';
import { INNER, SERVER } from '../support/tunnel.ts';

interface Split {
  readonly version: 4 | 6;
  readonly up: readonly string[];
}

const SPLITS: Readonly<Record<string, Split>> = {
  'main, by the link': { version: 4, up: ['route add 10.99.0.0/16 dev tun0'] },
  'main, by a gateway': { version: 4, up: [`route add 10.99.0.0/16 via ${INNER.far}`] },
  'a table of its own (Tailscale)': {
    version: 4,
    up: ['rule add priority 5270 lookup 52', 'route add 10.99.0.0/16 dev tun0 table 52'],
  },
  'main, IPv6': { version: 6, up: ['-6 route add 2400:99::/32 dev tun0'] },
  'a table of its own, IPv6': {
    version: 6,
    up: ['-6 rule add priority 5270 lookup 52', '-6 route add 2400:99::/32 dev tun0 table 52'],
  },
};

/** Two links, and a server that the first one reaches. */
async function twoUplinks(lab: Lab, version: 4 | 6) {
  const cables = [lab.cable('eth0').connect(version), lab.cable('eth1').connect(version)];
  const connections = await lab.connections(version);
  lab.provider.ip(`address add ${SERVER}/32 dev lo`);
  for (const cable of cables) if (version === 6) cable.addAddress(4);
  lab.host.ip(`route add ${SERVER} via 10.1.0.1`);
  const inner = version === 4 ? INNER.near : INNER.near6;
  return { cables, addresses: cables.map((cable) => cable.address(version)), connections, inner };
}

for (const [name, { version, up }] of Object.entries(SPLITS))
  test.for(['first', 'last'])(
    `tunnels: split, by ${name}: no subflow outside of it; the tunnel comes up %s`,
    async (order, { lab }) => {
      const { cables, addresses, connections, inner } = await twoUplinks(lab, version);
      const raise = async (): Promise<void> => {
        await lab.tunnel('tun0');
        for (const command of up) lab.host.ip(command);
      };
      const unbound = (): string[] => addresses.map((from) => lab.host.leaves(connections.server, from));
      if (order === 'first') await raise();
      const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', families: [`ipv${version}`] } });
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      const counter = await lab.counter(PORT, cables);
      if (order === 'last') {
        const connection = await connections.open(addresses[0]);
        await expect.poll(() => connections.subflows()).toEqual(addresses);
        await connection.echo('outside');
        await connections.closeAll();
        await raise();
      }
      const refusals = (): string =>
        version === 4
          ? lab.host
              .routeTexts()
              .filter((each) => each.startsWith('10.99.0.0/16'))
              .join()
          : lab.host
              .ip('-6 rule show')
              .split('\n')
              .filter((each) => /2400:99::.*unreachable/.test(each))
              .join();
      await expect
        .poll(refusals)
        .toMatch(version === 4 ? /dev eth0.*dev eth1/ : /2400:99::\/32.*2400:99::\/32/s);
      // In IPv4 policy rules lead to these routes, and are added after them.
      const guards = (): string[] => lab.host.ruleTexts().filter((each) => each.startsWith('8683 '));
      if (version === 4) await expect.poll(guards).toHaveLength(addresses.length);
      // Sockets that are not bound to a link, and traffic other than TCP, are routed as without multihomed.
      expect(unbound().every((each) => each.startsWith('tun0'))).toBe(true);
      const before = await counter.count();
      await openByRoute(connections);
      expect(connections.subflows()).toEqual([inner]);
      expect(await counter.count()).toBe(before);
      expect((await daemon.status())?.uplinks.filter(({ state }) => state === 'active')).toHaveLength(2);
      await connections.closeAll();
      for (const command of up.toReversed()) lab.host.ip(command.replace(' add ', ' del '));
      await expect.poll(refusals).toBe('');
      await daemon.stop();
      expect((await daemon.command('flush')).code).toBe(0);
      expect([lab.host.rules(version), lab.host.routes(version)]).toEqual([[], []]);
    },
  );

const lacks = missing({ nft: 'nftables' });
if (lacks !== null) console.log(`Subflows that were open before a split tunnel are not tested: ${lacks}.`);
/** The far side of a real VPN drops packets from addresses that it did not assign. */
const DROP_OTHERS = `table inet vpn { chain input { type filter hook prerouting priority 0;
  iifname far ip saddr != 10.200.0.0/24 drop; iifname far ip6 saddr != fd20:200::/64 drop; }; }`;

/** Plain TCP, bound to a device and an address; sends what it reads and prints the reply. */
const BOUND = `
import socket, sys
source, target, port = sys.argv[1:4]
s = socket.socket(socket.AF_INET6 if ':' in source else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth1')
s.settimeout(60)
s.bind((source, 0))
s.connect((target, int(port)))
print('open', flush=True)
for line in sys.stdin:
    s.sendall(line.encode())
    print(s.recv(99).decode().strip(), flush=True)`;

test.skipIf(lacks !== null).for([
  [4, 'route add 10.99.0.0/16 dev tun0'],
  [6, '-6 route add 2400:99::/32 dev tun0'],
] as const)(
  'tunnels: split, IPv%i: a subflow and bound TCP that were open before continue beside it',
  async ([version, up], { lab }) => {
    const { addresses, connections, inner } = await twoUplinks(lab, version);
    // Otherwise the provider answers for its server on the links themselves.
    lab.provider.sysctl('net.ipv4.conf.all.arp_ignore', 1);
    const rules = { 'eth*': { flags: 'subflow', families: [`ipv${version}`] } };
    const daemon = await lab.daemon(rules);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const older = await connections.open();
    await expect.poll(() => connections.subflows()).toEqual(addresses);
    const plain = lab.host.spawn('python3', ['-c', BOUND, addresses[1]!, connections.server, `${PORT}`]);
    const lines = createInterface({ input: plain.stdout! });
    const says = async (): Promise<unknown> => (await once(lines, 'line'))[0];
    expect(await says()).toBe('open');
    await lab.tunnel('tun0');
    lab.provider.sh(`nft '${DROP_OTHERS}'`);
    lab.host.ip(up);
    const words = (start: string): string[] =>
      lab.host.ruleTexts(version).filter((each) => each.startsWith(start));
    await expect.poll(() => words('8683 ')).not.toEqual([]);
    // Its first subflow is not bound to a link, so its packets go into the tunnel and are lost there.
    await older.echo('outside');
    plain.stdin!.write('bound\n');
    expect(await says()).toBe('bound');
    const spared = new RegExp(
      `^8680 from ${addresses[1]} to ${connections.server}/\\w+ lookup ${lab.host.table('eth1')}`,
    );
    expect(words('8680 ')).toEqual([expect.stringMatching(spared), expect.stringMatching(spared)]);
    await openByRoute(connections);
    expect(connections.subflows().filter((each) => each === inner)).toHaveLength(1);
    expect(connections.subflows().filter((each) => each === addresses[1])).toHaveLength(2);
    await daemon.stop();
    await lab.daemon(rules);
    await older.echo('after a restart');
    older.close();
    plain.stdin!.end();
    await expect.poll(() => words('8680 '), { timeout: 20_000 }).toEqual([]);
  },
);

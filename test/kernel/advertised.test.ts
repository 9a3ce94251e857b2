/**
 * Two IPv6 routers on one link, such as two modems. Each advertises itself and a prefix, and drops packets from the
 * other's.
 */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { expect } from 'vitest';
import { test } from '../support/lab.ts';
import { Netns } from '../support/netns.ts';

const OUTSIDE = '2600::9';
const PREFIXES = ['2400:a::', '2400:b::'] as const;

/** RFC 4861, 4.2 and 4.6.2: a lifetime of 1800 s, and one prefix on the link from which addresses are formed. */
const ROUTER = `
import socket, struct, sys, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
to = ('ff02::1', 0, 0, socket.if_nametoindex('eth0'))
text = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0)
text += struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 7200, 3600, 0) + socket.inet_pton(socket.AF_INET6, sys.argv[1])
while True:
    s.sendto(text, to)
    print('sent', flush=True)
    time.sleep(1)
`;

test(
  'advertised routers: each address reaches what it reaches without the daemon',
  { timeout: 90_000 },
  async ({ lab }) => {
    const { host, provider } = lab;
    const children: ChildProcess[] = [];
    const routers: Netns[] = [];
    provider.ip('link add lan type bridge');
    provider.ip('link set lan up');
    host.ip(`link add eth0 type veth peer name to-eth0 netns ${provider.name}`);
    provider.ip('link set to-eth0 master lan up');
    host.sysctl('net.ipv6.conf.eth0.accept_ra', 2);
    host.sysctl('net.ipv6.conf.eth0.use_tempaddr', 0);
    try {
      for (const [at, prefix] of PREFIXES.entries()) {
        const router = new Netns(`${provider.name}-ra${at}`);
        routers.push(router);
        provider.ip(`link add r${at} type veth peer name eth0 netns ${router.name}`);
        provider.ip(`link set r${at} master lan up`);
        router.ip('link set eth0 up');
        router.ip(`address add fe80::${at + 1}/64 dev eth0 nodad`);
        router.ip(`address add ${prefix}1/64 dev eth0 nodad`);
        router.ip(`address add ${OUTSIDE}/128 dev lo nodad`);
        router.sysctl('net.ipv6.conf.all.forwarding', 1);
      }
      host.ip('link set eth0 up');
      for (const [at, prefix] of PREFIXES.entries()) {
        const child = routers[at]!.spawn('python3', ['-c', ROUTER, prefix]);
        children.push(child);
        await once(child.stdout!, 'data');
      }
      const addresses = (): string[] =>
        PREFIXES.flatMap((prefix) =>
          [...host.ip('-6 address show dev eth0 scope global -tentative').matchAll(/inet6 (\S+)\//g)]
            .map(([, address]) => address!)
            .filter((address) => address.startsWith(prefix.slice(0, -1))),
        );
      await expect.poll(addresses, { timeout: 20_000 }).toHaveLength(2);
      await expect
        .poll(() => host.ip('-6 route show default'))
        .toMatch(/fe80::1[^]*fe80::2|fe80::2[^]*fe80::1/);
      const ping = (netns: Netns, from: string, to: string): boolean => {
        try {
          netns.sh(`ping -6 -c 1 -W 2 -I ${from} ${to}`);
          return true;
        } catch {
          return false;
        }
      };
      const reached = (): string[] =>
        addresses().flatMap((address, at) => [
          ...(ping(host, address, OUTSIDE) ? [`${address} out`] : []),
          ...(ping(routers[at]!, OUTSIDE, address) ? [`${address} in`] : []),
        ]);
      const before = reached();
      // The kernel uses one of the routers for all packets, so the other's addresses are not reached.
      expect(before).not.toEqual([]);
      const daemon = await lab.daemon({ eth0: { flags: 'signal', 'per-interface': 'all' } });
      await expect.poll(() => host.endpoints()).toHaveLength(2);
      expect(reached()).toEqual(expect.arrayContaining(before));
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      expect([host.rules(6), host.routes(6)]).toEqual([[], []]);
      expect(reached()).toEqual(before);
    } finally {
      for (const child of children) child.kill('SIGKILL');
      for (const router of routers) router.delete();
    }
  },
);

/**
 * Two IPv6 routers on one link, such as two modems. Each advertises itself and a prefix, and drops packets with the
 * other's prefix.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test } from '../support/lab.ts';
import { Netns } from '../support/netns.ts';
import { find, whyNot } from './part.ts';

const OUTSIDE = '2600::9';
const PREFIXES = ['2400:a::', '2400:b::'] as const;

/** Ends a child that may already have exited. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const why = whyNot({ radvd: 'radvd' });

const configuration = (prefix: string): string => `
interface eth0 {
  AdvSendAdvert on;
  MinRtrAdvInterval 3;
  MaxRtrAdvInterval 4;
  prefix ${prefix}/64 { AdvValidLifetime 7200; AdvPreferredLifetime 3600; };
};
`;

test.skipIf(why !== null)(
  'two routers with radvd: each address reaches the same hosts as without the daemon',
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
        const file = join(lab.folder, `radvd${at}.conf`);
        writeFileSync(file, configuration(prefix), { mode: 0o644 });
        const { path, environment } = find('radvd')!;
        const args = ['--nodaemon', '-m', 'stderr', '-C', file, '-p', join(lab.folder, `radvd${at}.pid`)];
        children.push(routers[at]!.spawn(path, args, environment));
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
      for (const child of children) await stop(child);
      for (const router of routers) router.delete();
    }
  },
);

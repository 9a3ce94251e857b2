/** Objects of other programs: endpoints, limits, policy rules, routes, neighbours. */
import type { Netns } from '../support/netns.ts';

/** An endpoint with an id that the daemon would have used. */
export const FOREIGN = { id: 3, address: '192.168.50.1', network: '198.18.0.0/15' } as const;
/** The limits before the daemon ran. */
export const FOUND = { subflows: 3, accepted: 1 } as const;

/** Added on a host that has an eth0. */
export function addForeignObjects(host: Netns): void {
  for (const line of [
    'link add keep0 type veth peer name keep1',
    'link set keep0 addrgenmode none up',
    'link set keep1 addrgenmode none up',
    `address add ${FOREIGN.address}/24 dev keep0`,
    'address add 2400:50::1/64 dev keep0 nodad',
    `mptcp endpoint add ${FOREIGN.address} id ${FOREIGN.id} signal`,
    `mptcp limits set subflows ${FOUND.subflows} add_addr_accepted ${FOUND.accepted}`,
    `rule add from ${FOREIGN.address} lookup 777 priority 8684`,
    'rule add from 10.1.0.0/16 fwmark 0x51 lookup 777 priority 8684',
    `rule add to ${FOREIGN.network} lookup 777 priority 8682`,
    '-6 rule add from 2400:50::/64 lookup 777 priority 8684',
    'route add 198.18.0.0/15 via 192.168.50.2 table 777',
    `route add 198.18.0.0/15 via 192.168.50.2 table ${host.table('eth0')}`,
    'route add 198.51.100.0/24 via 192.168.50.2 metric 7 proto 186',
    '-6 route add 2600:51::/32 via 2400:50::2 table 777',
    'neigh add 192.168.50.77 lladdr 02:00:00:00:00:77 dev keep0 nud permanent',
  ])
    host.ip(line);
}

/**
 * Returns the network without the objects of multihomed, in the format of `ip`; without what a new link brings with it.
 */
export function foreign(host: Netns): string {
  const looks = [
    'address show scope global',
    'neigh show nud permanent',
    ...['rule show', 'route show table all'].flatMap((each) => [`-4 -d ${each}`, `-6 -d ${each}`]),
  ];
  return looks
    .flatMap((each) => host.ip(`-N -o ${each}`).split('\n'))
    .map((line) => line.replaceAll(/^\d+: (?=\S+ +inet)| (?:expires \d+sec|linkdown|dead)/g, ''))
    .filter((line) => !/\bproto 86\b|\b(?:fe80|ff00):/.test(line))
    .sort()
    .join('\n');
}

/** Of that, what does not belong to the uplinks themselves. */
export function apart(host: Netns): string {
  return foreign(host)
    .split('\n')
    .filter((line) => !/\b(?:eth0|eth1|wwan0|wl0)\b/.test(line))
    .join('\n');
}

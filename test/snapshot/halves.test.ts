/** Whether main may have a route for half of all addresses, on the running kernel. */
import { describe, expect } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { askedOnce } from '../../src/netlink/route/fib.ts';
import { dumpPolicyRules } from '../../src/netlink/route/policy-rule.ts';
import { mayHaveHalves } from '../../src/snapshot/halves.ts';
import { findHostEgress } from '../../src/snapshot/host-egress.ts';
import { HostRoutes } from '../../src/snapshot/host-route.ts';
import { NETLINK_ROUTE } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { test } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';

const MARK = 51_820;
/** What wg-quick(8) adds for a tunnel that takes everything, with a bridge in place of the tunnel. */
const WG_QUICK = [
  `rule add not fwmark ${MARK} table ${MARK}`,
  'rule add table main suppress_prefixlength 0',
  `route add default dev other0 table ${MARK}`,
];

async function found(host: Netns): Promise<boolean> {
  const route = new NetlinkConnection({ protocol: NETLINK_ROUTE, clock: systemClock, netns: host.path });
  try {
    const hosts = new HostRoutes(route, await dumpPolicyRules(route, 'ipv4'), () => 0);
    const fib = askedOnce(route);
    return await mayHaveHalves(fib, 'ipv4', await findHostEgress(fib, 'ipv4', hosts));
  } finally {
    route.close();
  }
}

describe('halves', () => {
  const CASES: readonly (readonly [name: string, commands: readonly string[], halves: boolean])[] = [
    ['main has a default route', [], false],
    ['main has no default route', ['route delete default'], false],
    ['main has the lower half', ['route add 0.0.0.0/1 dev other0'], true],
    ['main has the upper half', ['route add 128.0.0.0/1 dev other0'], true],
    ['a more specific route covers one address of a half', ['route add 45.0.0.0/8 dev other0'], false],
    ['main refuses everything', ['route replace blackhole default'], true],
    ['another rule leads elsewhere', ['route add default dev other0 table 9', 'rule add table 9'], true],
    ['wg-quick’s rules come first', WG_QUICK, false],
    ['wg-quick’s rules come first, and main has a half', [...WG_QUICK, 'route add 0.0.0.0/1 dev eth0'], true],
  ];

  test.for(CASES)('%s', async ([, commands, halves], { lab }) => {
    lab.cable('eth0').connect();
    lab.host.ip('link add other0 type bridge');
    lab.host.ip('link set other0 up');
    for (const command of commands) lab.host.ip(command);
    expect(await found(lab.host)).toBe(halves);
  });
});

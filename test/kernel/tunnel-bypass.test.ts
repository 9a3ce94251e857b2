/** `tunnel: bypass`: an address goes past a full tunnel to the routes that the host has for it without the tunnel. */
import { expect } from 'vitest';
import { test } from '../support/lab.ts';
import { SERVER } from '../support/tunnel.ts';

const OUTSIDE = '198.51.100.7';
const MARK = 51_820;
const OUTSIDE6 = '2600::7';
/** The routes of wg-quick(8), whose policy rules come before those of netplan(5), which have priority 100. */
const WG_QUICK = [
  `route add default dev wg0 table ${MARK}`,
  `rule add not fwmark ${MARK} table ${MARK}`,
  'rule add table main suppress_prefixlength 0',
].flatMap((each) => [each, `-6 ${each}`]);

test.for(['first', 'last'])(
  'tunnel: bypass keeps the gateway of the host’s own policy rule, and connections; the tunnel comes up %s',
  async (order, { lab }) => {
    const [first, second] = [lab.cable('eth0').connect().connect(6), lab.cable('eth1').connect().connect(6)];
    lab.host.ip(`rule add priority 100 from ${first.address()} lookup 101`);
    lab.host.ip('route add default via 10.1.0.9 dev eth0 table 101');
    lab.host.ip('rule add priority 110 to 198.18.0.0/15 lookup 102');
    lab.host.ip('route add default via 10.2.0.9 dev eth1 table 102');
    const leaves = (to: string): string[] =>
      [first, second].map((cable) => lab.host.leaves(to, cable.address()));
    // eth0's rule comes before the one for 198.18.0.0/15, and eth1's address has no rule of its own.
    const past = ['eth0 via 10.1.0.9', `eth1 via ${second.gateway()}`];
    const ruled = ['eth0 via 10.1.0.9', 'eth1 via 10.2.0.9'];
    expect(leaves('198.18.0.1')).toEqual(ruled);
    const addresses6 = [first.address(6), second.address(6)];
    const leaves6 = (): string[] => addresses6.map((address) => lab.host.leaves(OUTSIDE6, address));
    const connections = await lab.connections(6);
    lab.provider.ip(`address add ${SERVER}/32 dev lo`);
    const raise = async (): Promise<void> => {
      await lab.tunnel('wg0', MARK);
      for (const each of WG_QUICK) lab.host.ip(each);
    };
    if (order === 'first') await raise();
    await lab.daemon({ 'eth*': { flags: 'subflow', tunnel: 'bypass' } });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(4);
    if (order === 'last') await raise();
    const past6 = [`eth0 via ${first.gateway(6)}`, `eth1 via ${second.gateway(6)}`];
    // The rules of wg-quick come one by one, and IPv6's last: the families need not follow in the same pass.
    await expect.poll(() => [leaves(OUTSIDE), leaves('198.18.0.1'), leaves6()]).toEqual([past, ruled, past6]);
    for (const to of [OUTSIDE, OUTSIDE6]) expect(lab.host.ip(`route get ${to}`)).toContain('dev wg0');
    expect(lab.host.endpoints()).toHaveLength(4);
    const connection = await connections.open(addresses6[0]);
    await expect.poll(() => connections.subflows()).toEqual(addresses6);
    first.unplug();
    await connection.echo('past the tunnel');
    await expect.poll(() => connections.subflows()).toEqual([addresses6[1]]);
  },
);

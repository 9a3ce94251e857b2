/**
 * Which unanswered neighbours show that packets were kept from the gateway. Addresses and routes are made with `ip`.
 */
import { expect } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { findMisrouted, type MisroutedQuery } from '../../src/snapshot/misrouted.ts';
import { NETLINK_ROUTE } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { test } from '../support/lab.ts';
import { missing } from '../support/programs.ts';

const lacks = missing({ ping: 'iputils-ping' });
if (lacks !== null) console.log(`Misrouted packets are not tested: ${lacks}.`);

test.skipIf(lacks !== null)(
  'misrouted: a neighbour that is sought although its route has a gateway, and no other',
  async ({ lab }) => {
    const cable = lab.cable('eth0').connect();
    const ifindex = lab.host.json<{ ifindex: number }[]>('link show eth0')[0]!.ifindex;
    lab.host.ip('route add 10.77.0.0/16 dev eth0');
    lab.host.ip('rule add pref 2001 fwmark 0x100 unreachable');
    const route = new NetlinkConnection({
      protocol: NETLINK_ROUTE,
      clock: systemClock,
      netns: lab.host.path,
    });
    const query: MisroutedQuery = {
      ...{ ifindex, address: cable.address(), prefixLength: 24 },
      ...{ gateways: new Set([cable.gateway()]), since: 0 },
    };
    const find = async (changes: Partial<MisroutedQuery> = {}): Promise<string | undefined> =>
      (await findMisrouted(route, { ...query, ...changes }, Date.now()))?.destination;
    /** The kernel looks for the destination at once, and nothing answers. */
    const send = (destination: string, mark = 0): string =>
      lab.host.sh(`ping -c 1 -W 0.1 -m ${mark} -I eth0 ${destination} || true`);
    try {
      // Of the subnet, behind an on-link route, and one that the gateway forwards.
      for (const destination of [cable.address(4, 9), '10.77.0.9', '10.99.0.9']) send(destination);
      expect(lab.host.ip('neighbour show dev eth0')).toMatch(/10\.77\.0\.9\s+INCOMPLETE/);
      expect(await find()).toBeUndefined();
      const began = Date.now();
      send('10.99.0.7', 0x100);
      expect(await find()).toBe('10.99.0.7');
      expect(await find({ since: began + 60_000 })).toBeUndefined();
      expect(await find({ gateways: new Set(['10.99.0.7']) })).toBeUndefined();
      // The search that failed just now began before the routes were in place.
      lab.host.ip('neighbour flush dev eth0 nud incomplete');
      lab.host.ip('neighbour replace 10.99.0.8 dev eth0 nud failed');
      expect(await find({ since: began })).toBeUndefined();
      expect(await find()).toBe('10.99.0.8');
      // Bound to the device alone, packets of another program have no route.
      lab.host.ip(`rule add pref 2000 from ${cable.address()} lookup 7`);
      lab.host.ip(`route add default via ${cable.gateway()} dev eth0 table 7`);
      cable.deleteDefault();
      expect(await find()).toBeUndefined();
    } finally {
      route.close();
    }
  },
);

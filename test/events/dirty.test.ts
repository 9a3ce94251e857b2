/** The look-ups that an event makes stale, on the running kernel. */
import { describe, expect } from 'vitest';
import { listen } from '../../src/events/listener.ts';
import type { Dirty } from '../../src/snapshot/dirty.ts';
import { announced, isPrivate, test, type Net } from '../native/net.ts';
import { addLinks, FIRST, SECOND } from './links.ts';

const OWN_TABLE = 86_840_002;
/** linux/rtnetlink.h */
const RTNLGRP_IPV6_IFADDR = 9;

/** IPv6 addresses too, and a default route of each family through the first link. */
async function addUplinks(net: Net): Promise<void> {
  await addLinks(net);
  const addresses = net.listen();
  addresses.socket.join(RTNLGRP_IPV6_IFADDR);
  net.batch(
    ...[FIRST, SECOND].map((name, n) => `address add 2001:db8:${n + 1}::2/64 dev ${name} nodad`),
    `route add default via 10.1.0.1 metric 7`,
    `route add default via 2001:db8:1::1 metric 7`,
  );
  // The kernel reports these addresses later, also with `nodad`.
  await expect.poll(() => announced(addresses)).toHaveLength(2);
  addresses.socket.close();
}

/** Runs ip(8). @returns the names of the links and the tables of the look-ups that are stale then; `all`: any may be */
async function staleAfter(net: Net, command: string): Promise<string[]> {
  const found: (Dirty | null)[] = [];
  const events = listen({
    netns: net.path,
    own: new Set(),
    onStale: (_parts, _touched, dirty) => found.push(dirty),
    onOverrun: () => expect.unreachable(),
    onError: (error) => expect.unreachable(error.message),
  });
  net.ip(command);
  await expect.poll(() => found.length).toBeGreaterThan(0);
  events.close();
  if (found.includes(null)) return ['all'];
  const names = new Map(
    (JSON.parse(net.ip('-j link')) as { ifindex: number; ifname: string }[]).map(({ ifindex, ifname }) => [
      ifindex,
      ifname,
    ]),
  );
  const each = found.flatMap((dirty) => [
    ...[...dirty!.links].map((index) => names.get(index) ?? `${index}`),
    ...[...dirty!.tables].map((table) => `table ${table}`),
  ]);
  return [...new Set(each)].sort();
}

describe.skipIf(!isPrivate)('look-ups that are stale', () => {
  const CASES: readonly (readonly [command: string, stale: readonly string[]])[] = [
    [`route add default via 10.2.0.1`, [SECOND]],
    [`route add default via 2001:db8:2::1 metric 9`, [SECOND]],
    [`route delete default via 10.1.0.1 metric 7`, [FIRST]],
    [`route add 10.9.0.0/16 dev ${FIRST}`, [FIRST]],
    [`address add 10.3.0.2/24 dev ${SECOND}`, [SECOND]],
    [`link set ${FIRST} mtu 1400`, [FIRST]],
    [`route add default via 10.2.0.1 table ${OWN_TABLE} proto 86`, ['table 86840002', SECOND]],
    // The kernel reports the new route alone, and says by NLM_F_REPLACE that another one is gone.
    [`route replace default via 10.2.0.1 metric 7`, ['all']],
    [`route replace default via 2001:db8:2::1 metric 7`, ['all']],
    [`route add 128.0.0.0/1 dev ${SECOND}`, ['all']],
    [`route add default nexthop via 10.2.0.1 nexthop via 10.1.0.1`, ['all']],
    [`route add default via 10.2.0.1 table 99`, ['all']],
    [`route add blackhole default metric 9`, ['all']],
    [`rule add from 10.9.0.0/16 lookup 99`, ['all']],
    [`nexthop add id 5 via 10.2.0.1 dev ${SECOND}`, ['all']],
  ];

  test.for(CASES)('%s: %s', async ([command, stale], { net }) => {
    await addUplinks(net);
    expect(await staleAfter(net, command)).toEqual(stale);
  });
});

/** The number of requests for a default route, and for a missing one: a host may have 1500 links. */
import { describe, expect } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import type { Requester } from '../../src/netlink/connection.ts';
import { findDefault, preferredSource } from '../../src/snapshot/default.ts';
import { findEgresses } from '../../src/snapshot/egress.ts';
import { probeFib, type FibProbe } from '../../src/snapshot/probe-fib.ts';
import { NETLINK_ROUTE } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Cable } from '../support/cable.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Version } from '../support/netns.ts';

/** Returns the requests to the kernel for two links with an address each, as sorted texts. */
async function asked(lab: Lab, cables: readonly Cable[], version: Version): Promise<string[]> {
  const connection = new NetlinkConnection({
    clock: systemClock,
    netns: lab.host.path,
    protocol: NETLINK_ROUTE,
  });
  const words: string[] = [];
  const route: Requester = {
    request: (request) => (words.push(request.operation), connection.request(request)),
    dump: (request) => (words.push(request.operation), connection.dump(request)),
  };
  const family = version === 4 ? 'ipv4' : 'ipv6';
  let common: Promise<FibProbe> | null = null;
  const plain = (): Promise<FibProbe> => (common ??= probeFib(route, family, {}));
  try {
    for (const cable of cables) {
      const [ifindex, address] = [lab.host.index(cable.device), cable.address(version)];
      await findDefault(route, family, ifindex, plain, () => Promise.resolve(false));
      if (family === 'ipv6') await preferredSource(route, family, ifindex, plain);
      await findEgresses(route, { family, ifindex, address }, plain);
    }
  } finally {
    connection.close();
  }
  return words;
}

describe.each([
  [4, 3],
  [6, 4],
] as const)('IPv%i', (version, least) => {
  const bogon = version === 4 ? '192.0.2.0/24' : '2001:db8::/32';
  /** Requests without device and source, made once for all links. */
  const common = (words: readonly string[]): number =>
    words.filter((each) => /^route get \S+$/.test(each)).length;

  test('one request for each lookup if each link has a default route', async ({ lab }) => {
    const cables = [lab.cable('eth0').connect(version), lab.cable('eth1').connect(version)];
    const words = await asked(lab, cables, version);
    expect([words.length, common(words)]).toEqual([2 * least, 0]);
  });

  test('one more request for all links if only another link has a default route', async ({ lab }) => {
    lab.cable('wwan0').connect(version);
    const cables = [lab.cable('eth0').up().addAddress(version), lab.cable('eth1').up().addAddress(version)];
    const words = await asked(lab, cables, version);
    expect([words.length, common(words)]).toEqual([2 * least + 1, 1]);
  });

  test('each probe is requested once if there is no default route', async ({ lab }) => {
    const cables = [lab.cable('eth0').up().addAddress(version), lab.cable('eth1').up().addAddress(version)];
    const words = await asked(lab, cables, version);
    expect([words.length, common(words)]).toEqual([2 * least + 5, 5]);
  });

  test.for(['unreachable default metric 4278198272', `blackhole ${bogon}`])(
    'at most two requests for each lookup with "%s"',
    async (refusing, { lab }) => {
      const cables = [lab.cable('eth0').up().addAddress(version), lab.cable('eth1').up().addAddress(version)];
      lab.host.ip(`-${version} route add ${refusing}`);
      const words = await asked(lab, cables, version);
      expect(words.length - common(words)).toBeLessThanOrEqual(2 * 2 * least);
      expect(common(words)).toBeLessThanOrEqual(5);
    },
  );
});

/** A connection to the real kernel: the text of its refusals, and a dump that is interrupted repeatedly. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { NLM_F_DUMP_INTR } from '../../src/netlink/message.ts';
import { addRoute, deleteRoute, type NewRoute } from '../../src/netlink/route/route.ts';
import { dumpAddresses } from '../../src/netlink/route/address.ts';
import { NETLINK_ROUTE } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { isPrivate } from '../support/lab.ts';
import { Netns } from '../support/netns.ts';

describe.skipIf(!isPrivate)('a connection to the kernel', () => {
  let netns: Netns;
  let connection: NetlinkConnection;
  let interrupted = 0;
  let dumps = 0;

  beforeEach(() => {
    netns = new Netns(`connection-${process.pid}`);
    netns.ip('link add u0 type veth peer name p0');
    netns.ip('link set u0 up');
    netns.ip('link set p0 up');
    interrupted = dumps = 0;
    connection = new NetlinkConnection({
      protocol: NETLINK_ROUTE,
      netns: netns.path,
      clock: systemClock,
      trace: (direction, { flags }) => {
        if (direction === 'sent') dumps++;
        else if (flags & NLM_F_DUMP_INTR) interrupted++;
      },
    });
  });
  afterEach(() => {
    connection.close();
    netns.delete();
  });

  const route = (words: Partial<NewRoute>): NewRoute => ({
    family: 'ipv4',
    destination: '198.51.100.0',
    prefixLength: 24,
    table: 86_840_002,
    protocol: 86,
    hop: { ifindex: netns.index('u0'), gateway: null, onlink: false },
    metrics: null,
    ...words,
  });

  test('returns the kernel’s error text and the attribute that it names', async () => {
    // RTAX_MTU with a value of two bytes: the kernel's error offset is in RTA_METRICS.
    const wrong = route({ metrics: Buffer.from('0600020078050000', 'hex') });
    await expect(addRoute(connection, wrong, 'route add')).rejects.toMatchObject({
      code: 'EINVAL',
      operation: 'route add',
      kernelText: expect.stringMatching(/metric/i) as string,
    });
    const nowhere = route({ hop: { ifindex: netns.index('u0'), gateway: '203.0.113.1', onlink: false } });
    await expect(addRoute(connection, nowhere, 'route add')).rejects.toMatchObject({
      code: 'ENETUNREACH',
      kernelText: 'Nexthop has invalid gateway',
    });
    const far = route({ destination: '198.51.100.1' });
    await expect(addRoute(connection, far, 'route add')).rejects.toMatchObject({ code: 'EINVAL' });
  });

  test('keeps the order of 300 contradictory requests', async () => {
    const made = route({});
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < 150; i++) {
      all.push(addRoute(connection, made, `add ${i}`));
      all.push(deleteRoute(connection, made, `delete ${i}`));
    }
    const results = await Promise.allSettled(all);
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
  });

  test('dumps 3000 addresses while they are added and deleted', async () => {
    const lines = Array.from(
      { length: 3000 },
      (_, i) => `address add 10.${100 + (i >> 8)}.${i & 255}.1/24 dev u0`,
    );
    netns.sh(`ip -batch - <<'EOF'\n${lines.join('\n')}\nEOF`);
    const u0 = netns.index('u0');
    const churn = netns.spawn('sh', [
      '-c',
      'while :; do for i in 1 2 3 4 5 6 7 8; do echo address add 10.9.$i.1/24 dev p0; done | ip -batch -; ip address flush dev p0; done',
    ]);
    try {
      let reads = 0;
      // On a busy machine the two may not overlap at once.
      for (; reads < 10 || (interrupted === 0 && reads < 1_000); reads++) {
        const addresses = await dumpAddresses(connection);
        const steady = addresses.filter(({ ifindex, family }) => ifindex === u0 && family === 'ipv4');
        expect(new Set(steady.map((each) => each.address)).size).toBe(3000);
      }
      // Each is repeated four times at most.
      expect(dumps).toBeLessThanOrEqual(5 * reads);
      expect(interrupted).toBeGreaterThan(0);
    } finally {
      churn.kill('SIGKILL');
      await new Promise((resolve) => churn.once('exit', resolve));
    }
  });
});

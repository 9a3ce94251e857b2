/** Which route events reach the daemon, on the running kernel. */
import { describe, expect } from 'vitest';
import { listen, type EventSocket } from '../../src/events/listener.ts';
import { isPrivate, test, type Net } from '../native/net.ts';
import { addLinks, FIRST, SECOND } from './links.ts';

interface Received {
  readonly events: EventSocket;
  /** Runs ip(8). @returns how many events came of it before that of a default route, which is always reported */
  after: (command: string) => Promise<number>;
}

/** Two links with addresses, and the event socket, which follows the first. */
async function eventsIn(
  net: Net,
  onStale: (parts: Iterable<string>) => void = () => undefined,
): Promise<Received> {
  await addLinks(net);
  let received = 0;
  const events = listen({
    netns: net.path,
    own: new Set(),
    onEvent: () => received++,
    onStale,
    onOverrun: () => expect.unreachable(),
    onError: (error) => expect.unreachable(error.message),
  });
  let metric = 1000;
  const mark = async (): Promise<void> => {
    const before = received;
    net.ip(`route add default via 10.1.0.1 metric ${++metric}`);
    await expect.poll(() => received).toBeGreaterThan(before);
  };
  return {
    events,
    async after(command) {
      await mark();
      const before = received;
      net.ip(command);
      await mark();
      return received - before - 1;
    },
  };
}

const index = (net: Net, name: string): number =>
  (JSON.parse(net.ip(`-j link show ${name}`)) as { ifindex: number }[])[0]!.ifindex;

describe.skipIf(!isPrivate)('route events', () => {
  const WANTED = [
    `route add 10.9.0.0/16 dev ${FIRST}`,
    `route add 10.9.0.0/16 via 10.1.0.1`,
    `route add 10.9.0.0/16 dev ${FIRST} proto bird`,
    `route add default via 10.2.0.1 table 99`,
    `route add 128.0.0.0/1 dev ${SECOND}`,
    `route add 64.0.0.0/2 dev ${SECOND}`,
    `route add blackhole default metric 9`,
    `route add 10.9.0.0/16 nexthop via 10.2.0.1 nexthop via 10.1.0.1`,
  ];
  const UNWANTED = [
    `route add 10.9.0.0/16 dev ${SECOND}`,
    `route add 10.9.0.0/16 via 10.2.0.1`,
    `route add 10.9.0.0/16 dev ${SECOND} proto bird`,
    `route add blackhole 10.9.0.0/16`,
    `route add unreachable 10.9.0.0/16`,
    `route add 10.9.0.0/16 via 10.1.0.1 proto bird`,
  ];

  test.for(WANTED)('wakes: %s', async (command, { net }) => {
    const { events, after } = await eventsIn(net);
    events.follow(new Set([index(net, FIRST)]));
    expect(await after(command)).toBeGreaterThan(0);
    events.close();
  });

  test.for(UNWANTED)('does not wake: %s', async (command, { net }) => {
    const { events, after } = await eventsIn(net);
    events.follow(new Set([index(net, FIRST)]));
    expect(await after(command)).toBe(0);
    events.close();
  });

  test('a newly followed link makes routes stale, and its routes wake from then on', async ({ net }) => {
    const stale: string[] = [];
    const { events, after } = await eventsIn(net, (parts) => stale.push(...parts));
    const both = new Set([index(net, FIRST), index(net, SECOND)]);
    events.follow(new Set([index(net, FIRST)]));
    expect(stale).toEqual([]);
    events.follow(both);
    expect(stale).toEqual(['routes']);
    events.follow(both);
    expect(stale).toEqual(['routes']);
    expect(await after(`route add 10.9.0.0/16 dev ${SECOND}`)).toBeGreaterThan(0);
    events.close();
  });

  test('before the first pass, and with more links than a filter holds, every link is followed', async ({
    net,
  }) => {
    const { events, after } = await eventsIn(net);
    expect(await after(`route add 10.9.0.0/16 dev ${SECOND}`)).toBeGreaterThan(0);
    events.follow(new Set(Array.from({ length: 257 }, (_, n) => n + 1000)));
    expect(await after(`route add 10.10.0.0/16 dev ${SECOND}`)).toBeGreaterThan(0);
    events.follow(new Set(Array.from({ length: 256 }, (_, n) => n + 1000)));
    expect(await after(`route add 10.11.0.0/16 dev ${SECOND}`)).toBe(0);
    events.close();
  });
});

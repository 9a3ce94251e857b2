/** Recorded events, and events of the running kernel. MULTIHOMED_RECORD=NAME writes `NAME-events.txt`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { staleAfter } from '../../src/events/wake.ts';
import { decodeMessages, type Message } from '../../src/netlink/message.ts';
import { decodeNexthop } from '../../src/netlink/route/nexthop.ts';
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from '../../src/system/addon.ts';
import { isPrivate } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';
import { readRecording, Recorder, recordings } from './recording.ts';
import { scene } from './scene.ts';

const EVERYTHING = ['links', 'addresses', 'routes'];

/** A command, and what each of the resulting events makes stale. */
const EVENTS: readonly (readonly [command: string, stale: readonly (readonly string[])[]])[] = [
  ['address add 10.8.0.1/24 dev w0', [['routes'], ['addresses', 'routes'], ['routes'], ['routes']]],
  ['route add default via 10.8.0.9 dev w0 metric 900', [['routes']]],
  ['nexthop add id 9 via 10.8.0.9 dev w0', [['routes']]],
  ['nexthop delete id 9', [['routes']]],
  ['rule add from 10.8.0.1 lookup 77 priority 400', [['policyRules']]],
  ['rule delete priority 400', [['policyRules']]],
  ['link set u0 alias other', [EVERYTHING]],
  // The bridge's events about its port, and then those about the link.
  ['link set v0 nomaster', [[], [], EVERYTHING]],
];

/** Equal events count once: how often the kernel sends one varies. */
const distinct = (lists: readonly (readonly string[])[]): string[] =>
  [...new Set(lists.map((each) => each.join(' ')))].sort((a, b) => a.localeCompare(b));

const read = (messages: readonly Message[]): string[] => distinct(messages.map((each) => staleAfter(each)));

describe.each(recordings().filter((name) => name.endsWith('-events.txt')))('%s', (name) => {
  const recorded = readRecording(name);

  test.each(EVENTS)('%s', (command, stale) => {
    const messages = recorded.get(command)!.flatMap(({ received }) => received.flatMap(decodeMessages));
    expect(read(messages)).toEqual(distinct(stale));
  });

  test('nexthop objects are decoded', () => {
    const [message] = recorded
      .get('nexthop add id 9 via 10.8.0.9 dev w0')![0]!
      .received.flatMap(decodeMessages);
    expect(decodeNexthop(message!)).toEqual({ id: 9, ifindex: 13, gateway: '10.8.0.9', group: false });
  });
});

describe.skipIf(!isPrivate)('the running kernel sends the recorded events', () => {
  const recorder = new Recorder();
  let netns: Netns;
  let socket: NetlinkSocket;
  let received: Message[] = [];

  beforeAll(() => {
    netns = scene();
    socket = openNetlink({
      protocol: NETLINK_ROUTE,
      netns: netns.path,
      onBatch: (buffer, spans) => {
        for (let i = 0; i < spans.length; i += 2)
          received.push(...decodeMessages(buffer.subarray(spans[i]!, spans[i]! + spans[i + 1]!)));
      },
      onOverrun: () => expect.unreachable(),
      onError: (error) => expect.unreachable(error.message),
    });
    for (const group of [1, 5, 7, 8, 9, 11, 19, 32]) socket.join(group);
  });
  afterAll(() => {
    socket.close();
    netns.delete();
    const name = process.env['MULTIHOMED_RECORD'];
    if (name) recorder.write(`${name}-events.txt`);
  });

  test.each(EVENTS)('%s', async (command, stale) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    received = [];
    netns.ip(command);
    await expect.poll(() => read(received)).toEqual(distinct(stale));
    recorder.begin(command);
    for (const each of received) recorder.trace('received', each);
  });
});

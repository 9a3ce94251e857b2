/** What a further subflow on a silent path shows, with sockets and tries of the test. */
import { expect, test } from 'vitest';
import type { HealthPaths } from '../../src/daemon/health-paths.ts';
import { JoinProbe } from '../../src/daemon/join-probe.ts';
import type { SubflowTries } from '../../src/daemon/subflow-tries.ts';
import type { Decision } from '../../src/health/decide.ts';
import { Path } from '../../src/health/path.ts';
import type { ConnectionSocket, SubflowSocket } from '../../src/netlink/diag.ts';
import { subflow } from '../health/sockets.ts';

const TIME = { rttFactor: 3, margin: 50 };
const [HERE, ELSEWHERE] = ['192.0.2.10', '203.0.113.10'];

const silent = (age: number): SubflowSocket =>
  subflow({ received: 100_000, rtt: 0, sinceData: age, sinceAck: age });
const asking = subflow({ cookie: 9, state: 'SYN-SENT', sinceData: 1e6, sinceAck: 1e6 });
const elsewhere = (age: number): SubflowSocket =>
  subflow({ cookie: 2, address: ELSEWHERE, sinceData: age, sinceAck: age });

/** Lets a path be silent for 40 ms. `before`, `after`: the sockets when the probe begins, and 100 ms later. */
async function probed(before: readonly SubflowSocket[], ...after: (readonly SubflowSocket[])[]) {
  let now = 5_000;
  let fire: (() => void) | null = null;
  const dead: Decision[] = [];
  const tried: Path[] = [];
  const waits: number[] = [];
  const [path, other] = [HERE, ELSEWHERE].map((address, at) => new Path(`${at}`, 'ipv4', at, address, 24));
  const clock = {
    now: () => now,
    after: (delay: number, callback: () => void) => {
      waits.push(Math.round(delay));
      fire = callback;
      return () => (fire = null);
    },
  };
  const probe = new JoinProbe({
    clock,
    paths: { all: [path!, other!], suspectAddresses: new Set() } as unknown as HealthPaths,
    tries: { probe: (each: Path) => Promise.resolve(tried.push(each) > 0) } as unknown as SubflowTries,
    sockets: () => Promise.resolve(after.shift() ?? null),
    connections: () => Promise.resolve([{ token: 1, sinceData: 40 } as ConnectionSocket]),
    onChange: () => undefined,
    onDead: (decision) => Promise.resolve(void dead.push(decision)),
  });
  await probe.begin(path!, before, TIME);
  while (fire && tried.length > 0 && probe.isRunning) {
    probe.follow([tried.at(-1)!]);
    now += 100;
    const judge: () => void = fire;
    fire = null;
    judge();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  return { tried: tried.map(({ address }) => address), dead, path: path!, waits, running: probe.isRunning };
}

test('no answer, while the peer answers elsewhere: the path is dead', async () => {
  const { tried, dead, running } = await probed(
    [silent(40), elsewhere(5)],
    [silent(140), asking, elsewhere(105)],
  );
  expect([tried, running]).toEqual([[HERE], false]);
  expect(dead).toMatchObject([{ path: { address: HERE }, isSilent: true, unanswered: 140, dependants: 0 }]);
});

test('an answer: the application pauses, and the next try is made a second later', async () => {
  const answered = subflow({ cookie: 9, sinceData: 90, sinceAck: 90 });
  const { dead, path } = await probed([silent(40), elsewhere(5)], [silent(140), answered, elsewhere(105)]);
  expect(dead).toEqual([]);
  expect(path.silence).toMatchObject({ pause: 1_000, nextProbeAt: 6_100 });
});

test('no SYN that waits: nothing is known, since the limit may be reached or the peer may refuse', async () => {
  const { dead } = await probed([silent(40), elsewhere(5)], [silent(140), elsewhere(105)]);
  expect(dead).toEqual([]);
});

test('if nothing arrives elsewhere, the other path is tried too', async () => {
  const stillSilent = [silent(140), asking, elsewhere(900)];
  const peerAnswers = [
    silent(240),
    asking,
    elsewhere(1_000),
    subflow({ cookie: 8, address: ELSEWHERE, sinceAck: 50 }),
  ];
  const alive = await probed([silent(40), elsewhere(800)], stillSilent, peerAnswers);
  expect(alive.tried).toEqual([HERE, ELSEWHERE]);
  expect(alive.dead).toHaveLength(1);
  // Until a pass has made the try, and until the answer is overdue on a path of RTT 0, and of 30 ms.
  expect(alive.waits).toEqual([1_000, 30, 1_000, 84]);
  const peerGone = [silent(240), asking, elsewhere(1_000)];
  const gone = await probed([silent(40), elsewhere(800)], stillSilent, peerGone);
  expect([gone.tried, gone.dead]).toEqual([[HERE, ELSEWHERE], []]);
});

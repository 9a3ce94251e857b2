/** Paths of different round-trip times that die, lose packets or get slower; `ip` and `ss` are the oracle. */
import { afterEach, expect } from 'vitest';
import type { Connection, Connections } from '../support/connections.ts';
import type { Daemon } from '../support/daemon.ts';
import { isKernelBefore } from '../support/kernel.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Line } from '../support/line.ts';

const timers: NodeJS.Timeout[] = [];
afterEach(() => timers.splice(0).forEach(clearInterval));

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Started {
  readonly lines: readonly [Line, Line];
  readonly daemon: Daemon;
  readonly connections: Connections;
  readonly connection: Connection;
}

/** `delays`: milliseconds in each direction. `flags`: of the second uplink. */
async function start(lab: Lab, delays: readonly [number, number], flags = 'subflow'): Promise<Started> {
  const lines: [Line, Line] = [await lab.line('eth0'), await lab.line('wwan0')];
  for (const [at, line] of lines.entries()) {
    await line.delay(delays[at]!);
    line.cable.connect();
  }
  const daemon = await lab.daemon({ eth0: 'subflow', wwan0: flags });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const connections = await lab.connections();
  const connection = await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows(), { timeout: 20_000 }).toHaveLength(2);
  return { lines, daemon, connections, connection };
}

type Direction = 'upload' | 'download';

/** Several segments every 5 ms. The server echoes what is uploaded. */
const keepBusy = (direction: Direction, { connection, connections }: Started): void =>
  void timers.push(
    setInterval(() => {
      if (direction === 'upload') connection.send('x'.repeat(4_000));
      else connections.push('z'.repeat(4_000));
    }, 5),
  );

const CASES: readonly (readonly [Direction, readonly [number, number], string])[] = [
  ['upload', [0, 0], 'subflow'],
  ['upload', [0, 0], 'subflow backup'],
  ['upload', [15, 30], 'subflow'],
  ['upload', [15, 30], 'subflow backup'],
  ['upload', [150, 300], 'subflow'],
  ['upload', [150, 300], 'subflow backup'],
  ['download', [0, 0], 'subflow'],
  ['download', [0, 0], 'subflow backup'],
  ['download', [2, 30], 'subflow backup'],
  ['download', [15, 30], 'subflow'],
  ['download', [15, 30], 'subflow backup'],
  ['download', [150, 300], 'subflow'],
  ['download', [150, 300], 'subflow backup'],
];

for (const [direction, delays, flags] of CASES) {
  // A join that gets no answer shows that a path is dead from which data stopped; it needs Linux 6.10.
  const isSkipped = direction === 'download' && isKernelBefore(6, 10);
  const rtt = delays.map((each) => 2 * each).join('/');
  const title = `${direction}, RTT ${rtt} ms, the other is ${flags}: a dead path is found, and used again`;
  if (isSkipped) console.log(`skipped: ${title}: before Linux 6.10 the kernel does not say when data came`);
  test.skipIf(isSkipped)(title, async ({ lab }) => {
    const started = await start(lab, delays, flags);
    const { lines, daemon, connections, connection } = started;
    keepBusy(direction, started);
    // Until the congestion window is open: data then arrives without pauses.
    await sleep(1_500 + 10 * Math.max(...delays));
    expect(daemon.log).not.toContain('suspect');
    // The router still answers ARP.
    await lines[0].cut('ip');
    await expect.poll(() => daemon.stateOf('eth0'), { timeout: 30_000 }).toMatch(/^suspect/);
    await connection.echo('by the other');
    expect(await daemon.stateOf('wwan0')).toMatch(/^active/);
    await lines[0].restore();
    await expect.poll(() => daemon.stateOf('eth0'), { timeout: 30_000 }).toMatch(/^active/);
    await expect.poll(() => connections.subflows(), { timeout: 30_000 }).toEqual(['10.1.0.2', '10.2.0.2']);
    expect(connection.error).toBeNull();
  });
}

for (const percent of [1, 3, 10])
  test(`random loss of ${percent} % on both paths makes no uplink suspect`, async ({ lab }) => {
    const started = await start(lab, [15, 30]);
    const before = lab.host.endpoints();
    const mptcp = await lab.monitor('mptcp');
    keepBusy('upload', started);
    for (const line of started.lines) await line.lose(percent);
    await sleep(6_000);
    expect(started.daemon.log).not.toContain('suspect');
    expect(lab.host.endpoints()).toEqual(before);
    expect(mptcp.texts().filter((text) => text.includes('SF_CLOSED'))).toEqual([]);
    expect(started.connection.error).toBeNull();
  });

test('a round-trip time that grows tenfold makes an uplink suspect at most once', async ({ lab }) => {
  const started = await start(lab, [15, 30]);
  const { lines, daemon, connections, connection } = started;
  for (const direction of ['upload', 'download'] as const) keepBusy(direction, started);
  await sleep(1_500);
  for (let step = 0; step < 4; step++) {
    await lines[0].delay(150);
    await sleep(1_500);
    await lines[0].delay(15);
    await sleep(1_500);
  }
  // A step is silent for 270 ms, like a path that has died: the first one may be taken for that.
  expect(daemon.log.split('suspect').length - 1).toBeLessThanOrEqual(1);
  await expect.poll(() => connections.subflows(), { timeout: 20_000 }).toEqual(['10.1.0.2', '10.2.0.2']);
  // The answer comes after all that was sent, which queues while the round-trip time is long.
  timers.splice(0).forEach(clearInterval);
  await connection.echo('still there');
});

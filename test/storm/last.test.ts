/** The last path of a transfer lost for longer than the kernel keeps a connection that has no subflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Cable } from '../support/cable.ts';
import { Lab, test } from '../support/lab.ts';
import { Transfer } from './transfer.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow' };
/** net.mptcp.close_timeout, in seconds. */
const CLOSE_TIMEOUT = 2;
/** Milliseconds without a path. */
const LOST = 2_500 * CLOSE_TIMEOUT;

interface Loss {
  readonly what: string;
  /** How the daemon ends before, if it does. */
  readonly end?: NodeJS.Signals;
  /** Nothing gets through. Without a default route in main, what lingers still has the one in its own table. */
  readonly stalls: boolean;
  readonly lose: (cable: Cable) => void;
  readonly back: (cable: Cable) => void;
}

const carrier = {
  stalls: true,
  lose: (cable: Cable) => void cable.pull(),
  back: (cable: Cable) => void cable.putBack(),
};

const LOSSES: readonly Loss[] = [
  { what: 'by carrier', ...carrier },
  { what: 'by default route', stalls: false, lose: (cable) => void cable.unroute(), back: route },
  {
    what: 'by address',
    stalls: true,
    lose: (cable) => void cable.take(),
    back: (cable) => route(cable.give()),
  },
  { what: 'by carrier while the daemon is stopped', end: 'SIGTERM', ...carrier },
  { what: 'by carrier while the daemon is dead', end: 'SIGKILL', ...carrier },
];

function route(cable: Cable): void {
  cable.route(4, `metric ${100 * cable.network}`);
}

async function outlives(lab: Lab, { end, stalls, lose, back }: Loss, other: boolean): Promise<void> {
  for (const netns of [lab.host, lab.provider]) netns.sysctl('net.mptcp.close_timeout', CLOSE_TIMEOUT);
  const [first, last] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const mptcp = await lab.monitor('mptcp');
  const transfer = await Transfer.open(lab, first.address());
  try {
    await expect.poll(() => transfer.addresses()).toEqual([first.address(), last.address()]);
    lose(first);
    await expect.poll(() => transfer.addresses()).toEqual([last.address()]);
    await transfer.moves();
    if (end) await daemon.stop(end);
    lose(last);
    await sleep(LOST);
    const moved = transfer.moved;
    await sleep(200);
    if (stalls) expect(transfer.moved).toBe(moved);
    expect(lab.host.endpointWords()).toEqual([`${last.address()} ${last.device} subflow`]);
    // Its successor finds nothing but what lingers, and leaves it.
    if (end) await lab.daemon(RULES);
    const returned = other ? first : last;
    back(returned);
    await transfer.moves(20_000);
    await expect
      .poll(() => lab.host.endpointWords())
      .toEqual([`${returned.address()} ${returned.device} subflow`]);
    await expect.poll(() => transfer.addresses()).toEqual([returned.address()]);
    expect(mptcp.texts().filter((text) => /^\[ *CLOSED\]/.test(text))).toEqual([]);
    await transfer.finish();
  } finally {
    await transfer.end();
  }
}

describe('the last path of a transfer', { timeout: 60_000 }, () => {
  // Each waits most of its time: all of them at once, each with a host of its own. The fixture skips outside of namespaces.
  test.for([false, true])('is lost and back; by another uplink: %s', async (other, { lab: _ }) => {
    const outcomes = await Promise.all(
      LOSSES.map(async (loss) => {
        const lab = new Lab();
        try {
          await outlives(lab, loss, other);
          return `${loss.what}: lives`;
        } catch (error) {
          return `${loss.what}: ${(error as Error).stack}`;
        } finally {
          await lab.end();
        }
      }),
    );
    expect(outcomes).toEqual(LOSSES.map(({ what }) => `${what}: lives`));
  });
});

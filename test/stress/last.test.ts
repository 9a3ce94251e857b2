/** A transfer whose last path is lost for longer than the kernel keeps a connection without a subflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { Lab, test } from '../support/lab.ts';
import { ADDRESS, CARRIER, DEFAULT_ROUTE, type Loss } from './loss.ts';
import { Transfer } from './transfer.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow' };
/** net.mptcp.close_timeout, in seconds. */
const CLOSE_TIMEOUT = 5;
/**
 * The time without a path. It is longer than CLOSE_TIMEOUT, which is longer than two retransmissions of a SYN (3 s).
 */
const LOST_MS = 1_600 * CLOSE_TIMEOUT;

interface Case {
  readonly loss: Loss;
  /** The signal that ends the daemon before the loss, if any. */
  readonly end?: NodeJS.Signals;
}

const CASES: readonly Case[] = [
  { loss: CARRIER },
  { loss: DEFAULT_ROUTE },
  { loss: ADDRESS },
  { loss: CARRIER, end: 'SIGTERM' },
  { loss: CARRIER, end: 'SIGKILL' },
];

async function outlives(lab: Lab, { loss, end }: Case, other: boolean): Promise<void> {
  for (const netns of [lab.host, lab.provider]) netns.sysctl('net.mptcp.close_timeout', CLOSE_TIMEOUT);
  const [first, last] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const mptcp = await lab.monitor('mptcp');
  const transfer = await Transfer.open(lab, first.address());
  try {
    await expect.poll(() => transfer.addresses()).toEqual([first.address(), last.address()]);
    loss.lose(first);
    await expect.poll(() => transfer.addresses()).toEqual([last.address()]);
    await transfer.moves();
    // A path that only got no answer, because the kernel reports the carrier late, would be tried again.
    await expect.poll(() => daemon.stateOf('eth0')).not.toMatch(/^(active|suspect)/);
    if (end) await daemon.stop(end);
    loss.lose(last);
    await sleep(LOST_MS);
    const moved = transfer.moved;
    await sleep(200);
    // Without a default route in main, a lingering endpoint still has the one in its own table.
    if (loss !== DEFAULT_ROUTE) expect(transfer.moved).toBe(moved);
    expect(lab.host.endpointTexts()).toEqual([`${last.address()} ${last.device} subflow`]);
    // The next daemon takes over only the lingering endpoint, and keeps it.
    if (end) await lab.daemon(RULES);
    const returned = other ? first : last;
    loss.back(returned);
    await transfer.moves();
    await expect
      .poll(() => lab.host.endpointTexts())
      .toEqual([`${returned.address()} ${returned.device} subflow`]);
    await expect.poll(() => transfer.addresses()).toEqual([returned.address()]);
    expect(mptcp.texts().filter((text) => /^\[ *CLOSED\]/.test(text))).toEqual([]);
    await transfer.finish();
  } finally {
    await transfer.end();
  }
}

describe('the last path of a transfer', () => {
  // All cases run in parallel, each with a host of its own, because each mostly waits.
  test.for([false, true])(
    'is lost for longer than close_timeout: the transfer continues; over the other uplink: %s',
    async (other, { lab: first }) => {
      const outcomes = await Promise.all(
        CASES.map(async (each, index) => {
          const lab = index === 0 ? first : new Lab();
          try {
            await outlives(lab, each, other);
            return `${name(each)}: lives`;
          } catch (error) {
            return `${name(each)}: ${(error as Error).stack}`;
          } finally {
            if (lab !== first) await lab.end();
          }
        }),
      );
      expect(outcomes).toEqual(CASES.map((each) => `${name(each)}: lives`));
    },
  );
});

function name({ loss, end }: Case): string {
  return end ? `${loss.what} after ${end}` : loss.what;
}

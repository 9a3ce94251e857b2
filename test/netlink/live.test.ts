/** The cases on the running kernel. MULTIHOMED_RECORD=NAME writes its messages to `recordings/NAME-requests.txt`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSession, type KernelSession } from '../../src/netlink/session.ts';
import { systemClock } from '../../src/system/clock.ts';
import { isPrivate } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';
import { CASES } from './cases.ts';
import { Recorder } from './recording.ts';
import { scene } from './scene.ts';

describe.skipIf(!isPrivate)('the running kernel gives the recorded answers', () => {
  const recorder = new Recorder();
  let netns: Netns;
  let kernel: KernelSession;

  beforeAll(async () => {
    netns = scene();
    kernel = await openSession({ clock: systemClock, netns: netns.path, trace: recorder.trace });
  });
  afterAll(() => {
    kernel.close();
    netns.delete();
    const name = process.env['MULTIHOMED_RECORD'];
    if (name) recorder.write(`${name}-requests.txt`);
  });

  test.each(CASES)('$name', async ({ name, ask, expected }) => {
    recorder.begin(name);
    expect(await ask(kernel)).toEqual(expected);
  });
});

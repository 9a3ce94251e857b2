/** The number of a hook's process group is not reused while a signal may be sent to it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { uplink } from './facts.ts';
import { openHarness, type Harness } from './harness.ts';
import { missing } from '../support/programs.ts';

// Real programs on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

/** Takes the number of a process as soon as it is free, as the leader of a group; pid_namespaces(7), ns_last_pid. */
const TAKER = `
import os, sys, time
wanted = int(open('/run/leader').read())
print('waiting', flush=True)
while True:
    with open('/proc/sys/kernel/ns_last_pid', 'w') as last: last.write(str(wanted - 1))
    pid = os.fork()
    if pid == 0:
        if os.getpid() != wanted: os._exit(0)
        os.setsid()
        print('taken', flush=True)
        time.sleep(600)
    if pid == wanted: break
    os.waitpid(pid, 0)
print('ended by', os.waitstatus_to_exitcode(os.waitpid(wanted, 0)[1]), flush=True)
`;

const why = missing({ python3: 'python3' });
if (why !== null) console.log(`Numbers of process groups are not tested: ${why}.`);

let harness: Harness;
afterEach(() => harness.end());

async function withHook(body: string): Promise<void> {
  harness = await openHarness('10-journal', () => `#!/bin/sh\necho $$ >/run/leader\n${body}\n`);
  writeFileSync(join(harness.root, 'taker.py'), TAKER);
  await harness.shell(`
    { until [ -s /run/leader ]; do sleep 0.01; done; exec python3 ${harness.root}/taker.py; } >/run/taker.log 2>&1 &`);
}

it.skipIf(why !== null).each([
  ['whose leader and group are gone after SIGTERM', 'exec sleep 600'],
  ['whose child ends after its leader', "(trap 'sleep 0.3; exit' TERM; sleep 600 & wait) & wait"],
  ['whose child has left the group', 'setsid sleep 600 & exec sleep 600'],
])('a timed-out hook %s: no reused process group gets a signal', async (_, body) => {
  await withHook(body);
  const { reports } = await harness.runHook('up', uplink(), 1_500);
  expect(reports.map(({ outcome }) => outcome)).toEqual(['timed out']);
  // The number is free by now, and the other process has it or gets it.
  await harness.until('grep taken /run/taker.log');
  // A signal sent before the number was taken would have arrived by now.
  expect((await harness.shell('cat /run/taker.log')).stdout).toBe('waiting\ntaken\n');
  expect((await harness.shell('kill -0 "$(cat /run/leader)"')).status).toBe(0);
});

it.skipIf(why !== null)('a hook that has ended leaves no zombie', async () => {
  await withHook('true');
  await harness.runHook('up', uplink());
  await harness.until('grep taken /run/taker.log');
  expect((await harness.shell("ps -eo stat= | grep -c '^Z'")).stdout.trim()).toBe('0');
});
